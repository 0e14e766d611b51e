-- Which transaction wrote an event. What lies below the oldest transaction under way is complete and will never grow
-- behind the sealer's back, so the order of (transaction, occurred_at, id) is that of the commits, as far as readers can
-- tell, and an insert costs no more than a column. Transactions of a database that was dumped and restored elsewhere
-- count anew from low numbers: the offset keeps them above all that was written before.
CREATE FUNCTION event_offset() RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS 'SELECT 0::bigint';
ALTER TABLE events ADD COLUMN transaction bigint NOT NULL
    DEFAULT event_offset() + pg_current_xact_id()::text::bigint;
CREATE INDEX events_transaction ON events (transaction, occurred_at, id);

-- Events of transactions below this are all there.
CREATE FUNCTION event_horizon() RETURNS bigint LANGUAGE sql STABLE AS
    'SELECT public.event_offset() + pg_snapshot_xmin(pg_current_snapshot())::text::bigint';

-- Raises the offset where events are of transactions that this server has not even begun: they came with a dump. Asked
-- before anything is written. True: it was so.
CREATE FUNCTION heed_restored_events() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
DECLARE
    latest bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('grantor.restored_events'));
    SELECT written INTO latest
        FROM (SELECT greatest((SELECT max(transaction) FROM events),
                              (SELECT max(until_transaction) FROM event_chain)) AS written) seen
        WHERE written >= event_offset() + pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
    IF latest IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE OR REPLACE FUNCTION public.event_offset() RETURNS bigint '
                   'LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L', format('SELECT %s::bigint', latest + 1));
    RETURN true;
END
$$;

-- One row a batch of events: see src/audit/chain/canonical.rs for what is hashed, and how. The events of a batch are of
-- one month, so that they leave with one partition. The rows stay, and are small.
CREATE TABLE event_chain (
    batch             bigint PRIMARY KEY CHECK (batch > 0),
    -- Events count from 1, without a gap, in the order of (transaction, occurred_at, id).
    first_seq         bigint NOT NULL,
    last_seq          bigint NOT NULL UNIQUE CHECK (last_seq >= first_seq),
    month             date NOT NULL,
    -- The last event of the batch.
    until_transaction bigint NOT NULL,
    until_at          timestamptz NOT NULL,
    until_id          uuid NOT NULL,
    digest            bytea NOT NULL CHECK (octet_length(digest) = 32),
    previous          bytea NOT NULL CHECK (octet_length(previous) = 32),
    hash              bytea NOT NULL CHECK (octet_length(hash) = 32),
    sealed_at         timestamptz NOT NULL
);
CREATE INDEX event_chain_until ON event_chain (until_transaction, until_at, until_id);

-- Of each event of a batch its id and its hash, so that one can say which one is not what it was. Gone with its month.
CREATE TABLE event_leaves (
    month  date NOT NULL,
    batch  bigint NOT NULL,
    leaves bytea NOT NULL,
    PRIMARY KEY (month, batch)
) PARTITION BY RANGE (month);
-- Hashes do not compress.
ALTER TABLE event_leaves ALTER COLUMN leaves SET STORAGE EXTERNAL;
INSERT INTO partition_plans (parent, grain, ahead) VALUES ('event_leaves', 'month', '3 months');

-- The head of the chain, signed now and then.
CREATE TABLE event_checkpoints (
    batch      bigint PRIMARY KEY,
    seq        bigint NOT NULL,
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    -- A compact JWS (RFC 7515) that says all this.
    signature  text NOT NULL,
    kid        text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE FUNCTION refuse_change_of_event_chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event chain is append-only';
END
$$;
CREATE TRIGGER event_chain_append_only BEFORE UPDATE OR DELETE ON event_chain
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_event_chain();
CREATE TRIGGER event_chain_no_truncate BEFORE TRUNCATE ON event_chain
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_event_chain();
CREATE TRIGGER event_leaves_append_only BEFORE UPDATE OR DELETE ON event_leaves
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_event_chain();
CREATE TRIGGER event_leaves_no_truncate BEFORE TRUNCATE ON event_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_event_chain();
CREATE TRIGGER event_checkpoints_append_only BEFORE UPDATE OR DELETE ON event_checkpoints
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_event_chain();
CREATE TRIGGER event_checkpoints_no_truncate BEFORE TRUNCATE ON event_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_event_chain();

-- A server may work as a role that does not own the log (`grantor migrate --app-role`), and needs partitions all the same.
ALTER FUNCTION make_partitions(date) SECURITY DEFINER;
ALTER FUNCTION make_partitions(date) SET search_path = public, pg_temp;
REVOKE EXECUTE ON FUNCTION make_partitions(date) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION heed_restored_events() FROM PUBLIC;
