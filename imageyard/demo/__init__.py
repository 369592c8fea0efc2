"""What stands behind `make demo`: the main job, done once from outside, through HTTP, Git and Docker alone."""
