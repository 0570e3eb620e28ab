-- +goose Up

-- How a connector is called, where that was ever set.
CREATE TABLE call_settings (
    tenant_id    TEXT    NOT NULL,
    connector_id TEXT    NOT NULL,
    settings     TEXT    NOT NULL, -- JSON, durations in microseconds
    version      INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, connector_id),
    FOREIGN KEY (tenant_id, connector_id) REFERENCES connectors (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The receipts of steps. They outlive the flow and the connector that they are about.
-- With rowids, unlike the tables of small rows: a row of some thousand octets would be cut in two in an index.
CREATE TABLE invocations (
    tenant_id      TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    flow_id        TEXT    NOT NULL,
    step           TEXT    NOT NULL,
    app_id         TEXT    NOT NULL,
    correlation_id TEXT    NOT NULL,
    connector_id   TEXT    NOT NULL, -- '' if the step calls none
    action         TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    facts          TEXT    NOT NULL, -- JSON: everything else of it, times and durations in microseconds
    PRIMARY KEY (tenant_id, at, id),
    UNIQUE (tenant_id, id)
) STRICT;

CREATE INDEX invocations_by_time ON invocations (at);

-- The receipts of a connector that is seldom called are few among those of a tenant.
CREATE INDEX invocations_by_connector ON invocations (tenant_id, connector_id, at, id);

-- What makes a repeated step answer the decision of the first time.
CREATE TABLE journeys (
    tenant_id     TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    mac           BLOB    NOT NULL,
    invocation_id TEXT    NOT NULL, -- of a receipt that may be gone already
    sealed        BLOB    NOT NULL, -- the decision, encrypted
    expires_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT;

CREATE INDEX journeys_by_expiry ON journeys (expires_at);

-- What the planner is told: see the foundation.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('call_settings', 'call_settings', '10000 1000 1'),
    ('invocations', 'sqlite_autoindex_invocations_1', '1000000 100000 2 1'),
    ('invocations', 'sqlite_autoindex_invocations_2', '1000000 100000 1'),
    ('invocations', 'invocations_by_time', '1000000 2'),
    ('invocations', 'invocations_by_connector', '1000000 100000 10000 2 1'),
    ('journeys', 'sqlite_autoindex_journeys_1', '1000000 100000 1'),
    ('journeys', 'journeys_by_expiry', '1000000 2');
