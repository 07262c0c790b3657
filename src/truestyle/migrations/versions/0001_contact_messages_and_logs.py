"""Contact messages and logs."""

import sqlalchemy as sa
from alembic import op

from truestyle.kit.tables import plain_text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go on."""
    op.create_table(
        "contact_us",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("ticket_no", plain_text(24), nullable=False),
        sa.Column("name", plain_text(200), nullable=False),
        sa.Column("email", plain_text(254), nullable=False),
        sa.Column("phone", plain_text(20), nullable=True),
        sa.Column("subject", plain_text(200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("status", plain_text(20), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("acknowledge_by", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ticket_no"),
    )
    op.create_index("contact_us_created", "contact_us", ["created_at", "id"])
    op.create_index("contact_us_due", "contact_us", ["due_at", "id"])
    op.create_index("contact_us_email", "contact_us", ["email", "id"])
    op.create_index("contact_us_resolved_due", "contact_us", ["resolved_at", "due_at", "id"])
    op.create_index("contact_us_status", "contact_us", ["status", "id"])
    op.create_table(
        "logs",
        sa.Column("id", sa.String(24), nullable=False),
        sa.Column("kind", plain_text(20), nullable=False),
        sa.Column("outcome", plain_text(20), nullable=True),
        sa.Column("user_id", sa.String(24), nullable=True),
        sa.Column("email", plain_text(254), nullable=True),
        sa.Column("method", plain_text(10), nullable=True),
        sa.Column("path", plain_text(300), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("duration_ms", sa.Double(), nullable=True),
        sa.Column("ip", plain_text(45), nullable=True),
        sa.Column("user_agent", plain_text(300), nullable=True),
        sa.Column("request_id", plain_text(64), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("logs_created_at", "logs", ["created_at", "id"])
    op.create_index("logs_email", "logs", ["email", "id"])
    op.create_index("logs_ip", "logs", ["ip", "id"])
    op.create_index("logs_kind", "logs", ["kind", "id"])
    op.create_index("logs_path", "logs", ["path", "id"])
    op.create_index("logs_request_id", "logs", ["request_id", "id"])
    op.create_index("logs_status", "logs", ["status", "id"])
    op.create_index("logs_user_id", "logs", ["user_id", "id"])


def downgrade() -> None:
    """Go back."""
    op.drop_table("logs")
    op.drop_table("contact_us")
