"""Products are searched: their figures, their texts, and triggers that note which texts may have changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# (table, event, whose product): a new price or stock changes no text; a new market has to be heard of with the texts
_TEXT_CHANGES = (
    ("products", "INSERT", "id"),
    ("products", "UPDATE OF id, names, category, descriptions, attributes, market", "id"),
    ("products", "DELETE", "id"),
    ("variants", "INSERT", "product"),
    ("variants", "UPDATE OF product, options", "product"),
    ("variants", "DELETE", "product"),
)


def upgrade() -> None:
    for column in (
        sa.Column("sold", sa.Integer, nullable=False, server_default="0"),
        sa.Column("rating", sa.Double),
        sa.Column("reviews", sa.Integer, nullable=False, server_default="0"),
        sa.Column("margin", sa.Double, nullable=False, server_default="0"),
        sa.Column("listed_at", sa.DateTime(timezone=True)),
    ):
        op.add_column("products", column)
    op.create_index("ix_products_market", "products", ["market"])
    op.create_table(
        "product_texts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("product", sa.String, nullable=False),
        sa.Column("language", sa.String, nullable=False),
        sa.Column("content", sa.String, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_product_texts_product", "product_texts", ["product"])
    op.create_index("product_texts_content", "product_texts", ["language", "content"])
    op.create_table(
        "product_changes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("product", sa.String, nullable=False),
    )
    op.create_table(
        "product_words",
        sa.Column("attribute", sa.String, primary_key=True),
        sa.Column("value", sa.String, primary_key=True),
        sa.Column("names", sa.JSON, nullable=False),
    )
    op.execute("INSERT INTO product_changes (product) SELECT id FROM products")
    if op.get_bind().dialect.name == "postgresql":
        _postgresql()
    else:
        _sqlite()


def _sqlite() -> None:
    for number, (table, event, product) in enumerate(_TEXT_CHANGES):
        then, now = f"SELECT OLD.{product}", f"SELECT NEW.{product}"
        these = {"INSERT": now, "DELETE": then}.get(event, f"{then} UNION {now}")
        op.execute(
            f"CREATE TRIGGER product_change_{number} AFTER {event} ON {table} BEGIN "
            f"INSERT INTO product_changes (product) {these}; END"
        )
    op.execute(
        "CREATE VIRTUAL TABLE product_terms USING fts5(terms, content='product_texts', content_rowid='id', "
        "detail='none', tokenize='ascii')"
    )
    add = "INSERT INTO product_terms (rowid, terms) VALUES (NEW.id, NEW.terms);"
    drop = "INSERT INTO product_terms (product_terms, rowid, terms) VALUES ('delete', OLD.id, OLD.terms);"
    for name, event, body in (
        ("add", "INSERT", add),
        ("drop", "DELETE", drop),
        ("change", "UPDATE OF terms", drop + add),
    ):
        op.execute(f"CREATE TRIGGER product_terms_{name} AFTER {event} ON product_texts BEGIN {body} END")


def _postgresql() -> None:
    for which in ("id", "product"):
        op.execute(
            f"CREATE FUNCTION note_product_{which}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "INSERT INTO product_changes (product) SELECT id "
            f"FROM (SELECT OLD.{which} UNION SELECT NEW.{which}) AS c (id) WHERE id IS NOT NULL; RETURN NULL; END $$"
        )
    for number, (table, event, which) in enumerate(_TEXT_CHANGES):
        op.execute(
            f"CREATE TRIGGER product_change_{number} AFTER {event} ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION note_product_{which}()"
        )
    op.execute("CREATE INDEX product_texts_terms ON product_texts USING gin (to_tsvector('simple', terms))")
