"""Where a repository's images go, as people choose it. What is allowed the actions say."""

from __future__ import annotations

from typing import Any

from django import forms

from builds.forms import widgets
from registry.models import Destination, Registry, Repository


class RegistryChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """By its host, with the path that it maps this repository to."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(Registry.objects.none(), empty_label=None, widget=widgets.choice(), **kwargs)
        self.repository: Repository | None = None

    def label_from_instance(self, obj: Any) -> str:
        assert self.repository is not None
        path = obj.path_for(self.repository.namespace.name, self.repository.name)
        return f"{obj.name}: {obj.host}/{path}"


class PlaceForm(forms.Form):
    """A registry and the path in it."""

    registry = RegistryChoice()
    remote_path = forms.CharField(
        label="Path there",
        max_length=255,
        required=False,
        widget=widgets.mono(placeholder="as the registry maps it"),
        help_text="Empty: as above. Another one is for whoever keeps that registry to choose.",
    )

    def __init__(self, repository: Repository, *args: Any, taken: bool = False, **kwargs: Any) -> None:
        """`taken`: without those that the repository's images go to already."""
        super().__init__(*args, **kwargs)
        field = self.fields["registry"]
        assert isinstance(field, RegistryChoice)
        field.repository = repository
        rows = Registry.objects.usable_in(repository.namespace).defer("password").order_by("-is_default", "name")
        if taken:
            others = Destination.objects.filter(repository=repository).values("registry__host")
            rows = rows.exclude(host=repository.registry.host).exclude(host__in=others)
        field.queryset = rows
