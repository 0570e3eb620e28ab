-- +goose Up

CREATE TABLE user_flows (
    tenant_id              TEXT COLLATE "C" NOT NULL,
    kind                   TEXT COLLATE "C" NOT NULL,
    id                     TEXT COLLATE "C" NOT NULL, -- chosen by the administrator, with the prefix of the kind
    user_flow_type         TEXT COLLATE "C" NOT NULL,
    user_flow_type_version DOUBLE PRECISION NOT NULL,
    language_customization BIGINT  NOT NULL, -- 0 or 1
    default_language       TEXT COLLATE "C" NOT NULL, -- '' for none
    version                BIGINT  NOT NULL,
    created_at             BIGINT  NOT NULL,
    changed_at             BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, kind, id)
);

-- Which connector a step of a flow calls. A binding never outlives either: the flow takes its bindings along, and a
-- connector that is bound cannot be deleted.
CREATE TABLE user_flow_bindings (
    tenant_id    TEXT COLLATE "C" NOT NULL,
    kind         TEXT COLLATE "C" NOT NULL,
    flow_id      TEXT COLLATE "C" NOT NULL,
    step         TEXT COLLATE "C" NOT NULL,
    connector_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant_id, kind, flow_id, step),
    FOREIGN KEY (tenant_id, kind, flow_id) REFERENCES user_flows (tenant_id, kind, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, connector_id) REFERENCES connectors (tenant_id, id)
);

CREATE INDEX user_flow_bindings_by_connector ON user_flow_bindings (tenant_id, connector_id);

-- The second wall: see the foundation.
-- +goose StatementBegin
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['user_flows', 'user_flow_bindings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (CASE (SELECT nullif(current_setting(''patchbay.tenant'', true), '''')) WHEN tenant_id THEN true WHEN ''*'' THEN true END IS NOT NULL)', name);
    END LOOP;
END
$$;
-- +goose StatementEnd
