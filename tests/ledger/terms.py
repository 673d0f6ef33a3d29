"""Who owned the journal, and since when: the database itself keeps that, by its own clock, which nobody sets."""

from dataclasses import dataclass

# Whoever writes the row is not asked, and does not notice.
KEEP = """
CREATE SCHEMA ledger;
CREATE TABLE ledger.terms (epoch int8, address text, at timestamptz);
INSERT INTO ledger.terms SELECT epoch, address, clock_timestamp() FROM acequia.cluster;
CREATE FUNCTION ledger.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
    INSERT INTO ledger.terms VALUES (new.epoch, new.address, clock_timestamp());
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER UPDATE ON acequia.cluster FOR EACH ROW
    WHEN (old.epoch <> new.epoch) EXECUTE FUNCTION ledger.note();
"""
READ = "SELECT epoch, address, (extract(epoch FROM at) * 1000000)::int8 * 1000 FROM ledger.terms ORDER BY epoch"


@dataclass(frozen=True)
class Term:
    """A server became the owner."""

    epoch: int
    server: int
    at_ns: int


def keep(postgres):
    """From now on. There is an owner, or has been one."""
    postgres.psql(KEEP, database="acequia")


def read(postgres, addresses):
    """All so far, in their order; servers are known by what they have written."""
    rows = postgres.psql(READ, database="acequia")
    return [Term(epoch, addresses.index(address), at_ns) for epoch, address, at_ns in rows]
