"""The settings of exports."""

from pydantic import Field

from truestyle.setting_kinds import Group


class ExportSettings(Group):
    """Exports: what is answered at once, and how long files of jobs are kept."""

    export_direct_rows: int = Field(
        10_000, ge=0, le=1_000_000, description="Exports of more rows than this are made by a worker, as a job."
    )
    export_pdf_rows: int = Field(2_000, ge=1, le=10_000, description="More rows than this are refused as PDF.")
    export_kept_hours: int = Field(24, ge=1, le=720, description="Hours that the file of an export's job is kept.")
