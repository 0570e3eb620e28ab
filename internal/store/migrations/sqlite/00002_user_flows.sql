-- +goose Up

CREATE TABLE user_flows (
    tenant_id              TEXT    NOT NULL,
    kind                   TEXT    NOT NULL,
    id                     TEXT    NOT NULL, -- chosen by the administrator, with the prefix of the kind
    user_flow_type         TEXT    NOT NULL,
    user_flow_type_version REAL    NOT NULL,
    language_customization INTEGER NOT NULL, -- 0 or 1
    default_language       TEXT    NOT NULL, -- '' for none
    version                INTEGER NOT NULL,
    created_at             INTEGER NOT NULL,
    changed_at             INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, kind, id)
) STRICT, WITHOUT ROWID;

-- Which connector a step of a flow calls. A binding never outlives either: the flow takes its bindings along, and a
-- connector that is bound cannot be deleted.
CREATE TABLE user_flow_bindings (
    tenant_id    TEXT NOT NULL,
    kind         TEXT NOT NULL,
    flow_id      TEXT NOT NULL,
    step         TEXT NOT NULL,
    connector_id TEXT NOT NULL,
    PRIMARY KEY (tenant_id, kind, flow_id, step),
    FOREIGN KEY (tenant_id, kind, flow_id) REFERENCES user_flows (tenant_id, kind, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, connector_id) REFERENCES connectors (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_flow_bindings_by_connector ON user_flow_bindings (tenant_id, connector_id);

-- What the planner is told: see the foundation.
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('user_flows', 'user_flows', '10000 1000 500 1'),
    ('user_flow_bindings', 'user_flow_bindings', '20000 2000 1000 2 1'),
    ('user_flow_bindings', 'user_flow_bindings_by_connector', '20000 2000 2');
