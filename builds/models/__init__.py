"""The tables of this room; import them from here."""

from __future__ import annotations

from builds.models.bases import BaseImage, BaseUse, Rebuild
from builds.models.build import Build, BuildEvent, BuildSequence, Step
from builds.models.cache import CachePolicy, CachePrune
from builds.models.catchup import CatchUp, CatchUpLook, SkippedPush
from builds.models.changes import CommitChanges
from builds.models.debug import DebugImage, DebugSession
from builds.models.destination_push import DestinationPush
from builds.models.gone_ref import GoneRef
from builds.models.image import ImageLook
from builds.models.log import LogArchive, LogFrame
from builds.models.pause import Pause, Pauses
from builds.models.record import BuildRecord
from builds.models.refs import SourceRefs, refs_of
from builds.models.review import Review
from builds.models.rules_file import RulesFileRead
from builds.models.source import BuildRule, Source
from builds.models.tag_order import TagOrder
from builds.models.variable import Variable
from builds.models.worker import Worker

__all__ = [
    "BaseImage",
    "BaseUse",
    "Build",
    "BuildEvent",
    "BuildRecord",
    "BuildRule",
    "BuildSequence",
    "CachePolicy",
    "CachePrune",
    "CatchUp",
    "CatchUpLook",
    "CommitChanges",
    "DebugImage",
    "DebugSession",
    "DestinationPush",
    "GoneRef",
    "ImageLook",
    "LogArchive",
    "LogFrame",
    "Pause",
    "Pauses",
    "Rebuild",
    "Review",
    "RulesFileRead",
    "SkippedPush",
    "Source",
    "SourceRefs",
    "Step",
    "TagOrder",
    "Variable",
    "Worker",
    "refs_of",
]
