"""The settings of the processes that serve."""

from pydantic import Field

from truestyle.setting_kinds import Group


class ServingSettings(Group):
    """Processes."""

    run_worker: bool = Field(
        default=True,
        description="Whether processes that serve deliver the outbox too. false where `truestyle worker` runs: "
        "it then takes no time from requests.",
    )
