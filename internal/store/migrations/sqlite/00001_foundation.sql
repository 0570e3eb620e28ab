-- +goose Up

-- Times are integer microseconds since 1970, UTC. Ids are lower-case GUIDs. JSON is written and read by the store alone.

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

-- No foreign key to tenants: a tenant of another token issuer is known by its tokens only.
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

CREATE INDEX connectors_by_display_name ON connectors (tenant_id, display_name, id);

-- What may be known about a certificate; its private key is a row of secrets.
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

-- Every sealed value there is, so that changing the key is one loop over one table.
CREATE TABLE secrets (
    tenant_id  TEXT    NOT NULL, -- '' for what belongs to no tenant
    owner_id   TEXT    NOT NULL,
    member     TEXT    NOT NULL,
    version    INTEGER NOT NULL, -- the owner's version when it was sealed
    key_id     INTEGER NOT NULL, -- the key of the ring that sealed it
    ciphertext BLOB    NOT NULL,
    PRIMARY KEY (tenant_id, owner_id, member)
) STRICT, WITHOUT ROWID;

-- One row: the keys that sealed the secrets, wrapped by the master key.
CREATE TABLE key_ring (
    id          INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    version     INTEGER NOT NULL,
    primary_key INTEGER NOT NULL,
    wrapped     BLOB    NOT NULL
) STRICT;

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

CREATE INDEX audit_entries_by_time ON audit_entries (at);

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

CREATE INDEX idempotency_records_by_expiry ON idempotency_records (expires_at);

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the planner is told about the tables, for good: without it, it takes two equal columns of an index for hardly
-- better than one and reads a whole tenant to find a display name. "10000 1000 2 1" says: of 10,000 rows 1,000 share the
-- first column, 2 the first two, 1 all three. See https://www.sqlite.org/optoverview.html#manctrl.
ANALYZE;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
    ('connectors', 'connectors', '10000 1000 1'),
    ('connectors', 'connectors_by_display_name', '10000 1000 2 1'),
    ('audit_entries', 'audit_entries', '100000 10000 2 1'),
    ('audit_entries', 'sqlite_autoindex_audit_entries_2', '100000 10000 1'),
    ('audit_entries', 'audit_entries_by_time', '100000 2 1 1');
