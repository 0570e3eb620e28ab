-- +goose Up

-- How a connector is called, where that was ever set.
CREATE TABLE call_settings (
    tenant_id    TEXT COLLATE "C" NOT NULL,
    connector_id TEXT COLLATE "C" NOT NULL,
    settings     TEXT COLLATE "C" NOT NULL, -- JSON, durations in microseconds
    version      BIGINT  NOT NULL,
    changed_at   BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, connector_id),
    FOREIGN KEY (tenant_id, connector_id) REFERENCES connectors (tenant_id, id) ON DELETE CASCADE
);

-- The receipts of steps. They outlive the flow and the connector that they are about.
CREATE TABLE invocations (
    tenant_id      TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    at             BIGINT  NOT NULL,
    flow_id        TEXT COLLATE "C" NOT NULL,
    step           TEXT COLLATE "C" NOT NULL,
    app_id         TEXT COLLATE "C" NOT NULL,
    correlation_id TEXT COLLATE "C" NOT NULL,
    connector_id   TEXT COLLATE "C" NOT NULL, -- '' if the step calls none
    action         TEXT COLLATE "C" NOT NULL,
    reason         TEXT COLLATE "C" NOT NULL,
    facts          TEXT COLLATE "C" NOT NULL, -- JSON: everything else of it, times and durations in microseconds
    PRIMARY KEY (tenant_id, at, id),
    UNIQUE (tenant_id, id)
);

CREATE INDEX invocations_by_time ON invocations (at);

-- The receipts of a connector that is seldom called are few among those of a tenant.
CREATE INDEX invocations_by_connector ON invocations (tenant_id, connector_id, at, id);

-- What makes a repeated step answer the decision of the first time.
CREATE TABLE journeys (
    tenant_id     TEXT COLLATE "C" NOT NULL,
    key           TEXT COLLATE "C" NOT NULL,
    mac           BYTEA   NOT NULL,
    invocation_id TEXT COLLATE "C" NOT NULL, -- of a receipt that may be gone already
    sealed        BYTEA   NOT NULL, -- the decision, encrypted
    expires_at    BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, key)
);

CREATE INDEX journeys_by_expiry ON journeys (expires_at);

-- The second wall: see the foundation.
-- +goose StatementBegin
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['call_settings', 'invocations', 'journeys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (CASE (SELECT nullif(current_setting(''patchbay.tenant'', true), '''')) WHEN tenant_id THEN true WHEN ''*'' THEN true END IS NOT NULL)', name);
    END LOOP;
END
$$;
-- +goose StatementEnd
