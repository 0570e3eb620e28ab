CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);

CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE applications (
    tenant_id    TEXT    NOT NULL,
    client_id    TEXT    NOT NULL,
    object_id    TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    roles        TEXT    NOT NULL, -- JSON array of application permissions
    credentials  TEXT    NOT NULL, -- JSON array; secrets are salted hashes
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE connectors (
    tenant_id      TEXT    NOT NULL,
    id             TEXT    NOT NULL,
    display_name   TEXT    NOT NULL,
    target_url     TEXT    NOT NULL,
    authentication TEXT    NOT NULL, -- JSON: type, open members, and for each sealed member the version it was sealed at
    version        INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    changed_at     INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates (
    tenant_id    TEXT    NOT NULL,
    connector_id TEXT    NOT NULL,
    thumbprint   TEXT    NOT NULL,
    not_before   INTEGER NOT NULL,
    not_after    INTEGER NOT NULL,
    subject      TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,
    uploaded_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, connector_id, thumbprint),
    FOREIGN KEY (tenant_id, connector_id) REFERENCES connectors (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    tenant_id  TEXT    NOT NULL, -- '' for what belongs to no tenant
    owner_id   TEXT    NOT NULL,
    member     TEXT    NOT NULL,
    version    INTEGER NOT NULL, -- the owner's version when it was sealed
    key_id     INTEGER NOT NULL, -- the key of the ring that sealed it
    ciphertext BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, owner_id, member)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_ring (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version     INTEGER NOT NULL,
    primary_key INTEGER NOT NULL,
    wrapped     BLOB    NOT NULL
, earlier_roots BLOB) STRICT;

CREATE TABLE signing_keys (
    id             TEXT    NOT NULL PRIMARY KEY,
    public_jwk     BLOB    NOT NULL,
    certificate    BLOB    NOT NULL,
    sealed_version INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    retire_at      INTEGER -- NULL: not retired
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_entries (
    tenant_id                  TEXT    NOT NULL,
    id                         TEXT    NOT NULL,
    at                         INTEGER NOT NULL,
    activity                   TEXT    NOT NULL,
    category                   TEXT    NOT NULL,
    service                    TEXT    NOT NULL,
    operation                  TEXT    NOT NULL,
    correlation_id             TEXT    NOT NULL,
    actor_app_id               TEXT    NOT NULL,
    actor_app_name             TEXT    NOT NULL,
    actor_service_principal_id TEXT    NOT NULL,
    actor_user_id              TEXT    NOT NULL,
    actor_user_name            TEXT    NOT NULL,
    actor_user_principal_name  TEXT    NOT NULL,
    actor_ip_address           TEXT    NOT NULL,
    targets                    TEXT    NOT NULL, -- JSON array
    details                    TEXT    NOT NULL, -- JSON array
    PRIMARY KEY (tenant_id, at, id),
    UNIQUE (tenant_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_records (
    tenant_id       TEXT    NOT NULL,
    app_id          TEXT    NOT NULL,
    idempotency_key TEXT    NOT NULL,
    operation       TEXT    NOT NULL,
    mac             BLOB    NOT NULL,
    result_id       TEXT    NOT NULL,
    expires_at      INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, app_id, idempotency_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

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

CREATE TABLE call_settings (
    tenant_id    TEXT    NOT NULL,
    connector_id TEXT    NOT NULL,
    settings     TEXT    NOT NULL, -- JSON, durations in microseconds
    version      INTEGER NOT NULL,
    changed_at   INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, connector_id),
    FOREIGN KEY (tenant_id, connector_id) REFERENCES connectors (tenant_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

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

CREATE TABLE journeys (
    tenant_id     TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    mac           BLOB    NOT NULL,
    invocation_id TEXT    NOT NULL, -- of a receipt that may be gone already
    sealed        BLOB    NOT NULL, -- the decision, encrypted
    expires_at    INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT;

CREATE INDEX connectors_by_display_name ON connectors (tenant_id, display_name, id);

CREATE INDEX audit_entries_by_time ON audit_entries (at);

CREATE INDEX idempotency_records_by_expiry ON idempotency_records (expires_at);

CREATE INDEX user_flow_bindings_by_connector ON user_flow_bindings (tenant_id, connector_id);

CREATE INDEX invocations_by_time ON invocations (at);

CREATE INDEX invocations_by_connector ON invocations (tenant_id, connector_id, at, id);

CREATE INDEX journeys_by_expiry ON journeys (expires_at);

ANALYZE;

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('audit_entries', 'audit_entries', '100000 10000 2 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('audit_entries', 'audit_entries_by_time', '100000 2 1 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('audit_entries', 'sqlite_autoindex_audit_entries_2', '100000 10000 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('call_settings', 'call_settings', '10000 1000 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('connectors', 'connectors', '10000 1000 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('connectors', 'connectors_by_display_name', '10000 1000 2 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('goose_db_version', NULL, '1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('invocations', 'invocations_by_connector', '1000000 100000 10000 2 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('invocations', 'invocations_by_time', '1000000 2');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('invocations', 'sqlite_autoindex_invocations_1', '1000000 100000 2 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('invocations', 'sqlite_autoindex_invocations_2', '1000000 100000 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('journeys', 'journeys_by_expiry', '1000000 2');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('journeys', 'sqlite_autoindex_journeys_1', '1000000 100000 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('user_flow_bindings', 'user_flow_bindings', '20000 2000 1000 2 1');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('user_flow_bindings', 'user_flow_bindings_by_connector', '20000 2000 2');

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('user_flows', 'user_flows', '10000 1000 500 1');

INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1);

INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, 1);

INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, 1);

INSERT INTO goose_db_version (version_id, is_applied) VALUES (3, 1);

INSERT INTO goose_db_version (version_id, is_applied) VALUES (4, 1)
