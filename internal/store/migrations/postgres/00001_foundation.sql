-- +goose Up

-- Times are integer microseconds since 1970, UTC. Ids are lower-case GUIDs. JSON is written and read by the store alone.

CREATE TABLE tenants (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at BIGINT  NOT NULL
);

CREATE TABLE applications (
    tenant_id    TEXT COLLATE "C" NOT NULL,
    client_id    TEXT COLLATE "C" NOT NULL,
    object_id    TEXT COLLATE "C" NOT NULL,
    display_name TEXT COLLATE "C" NOT NULL,
    roles        TEXT COLLATE "C" NOT NULL, -- JSON array of application permissions
    credentials  TEXT COLLATE "C" NOT NULL, -- JSON array; secrets are salted hashes
    created_at   BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, client_id)
);

-- No foreign key to tenants: a tenant of another token issuer is known by its tokens only.
CREATE TABLE connectors (
    tenant_id      TEXT COLLATE "C" NOT NULL,
    id             TEXT COLLATE "C" NOT NULL,
    display_name   TEXT COLLATE "C" NOT NULL,
    target_url     TEXT COLLATE "C" NOT NULL,
    authentication TEXT COLLATE "C" NOT NULL, -- JSON: type, open members, and for each sealed member the version it was sealed at
    version        BIGINT  NOT NULL,
    created_at     BIGINT  NOT NULL,
    changed_at     BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX connectors_by_display_name ON connectors (tenant_id, display_name, id);

-- What may be known about a certificate; its private key is a row of secrets.
CREATE TABLE certificates (
    tenant_id    TEXT COLLATE "C" NOT NULL,
    connector_id TEXT COLLATE "C" NOT NULL,
    thumbprint   TEXT COLLATE "C" NOT NULL,
    not_before   BIGINT  NOT NULL,
    not_after    BIGINT  NOT NULL,
    subject      TEXT COLLATE "C" NOT NULL,
    sequence     BIGINT  NOT NULL,
    uploaded_at  BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, connector_id, thumbprint),
    FOREIGN KEY (tenant_id, connector_id) REFERENCES connectors (tenant_id, id) ON DELETE CASCADE
);

-- Every sealed value there is, so that changing the key is one loop over one table.
CREATE TABLE secrets (
    tenant_id  TEXT COLLATE "C" NOT NULL, -- '' for what belongs to no tenant
    owner_id   TEXT COLLATE "C" NOT NULL,
    member     TEXT COLLATE "C" NOT NULL,
    version    BIGINT  NOT NULL, -- the owner's version when it was sealed
    key_id     BIGINT  NOT NULL, -- the key of the ring that sealed it
    ciphertext BYTEA   NOT NULL,
    PRIMARY KEY (tenant_id, owner_id, member)
);

-- One row: the keys that sealed the secrets, wrapped by the master key.
CREATE TABLE key_ring (
    id          BIGINT  NOT NULL PRIMARY KEY CHECK (id = 1),
    version     BIGINT  NOT NULL,
    primary_key BIGINT  NOT NULL,
    wrapped     BYTEA   NOT NULL
);

CREATE TABLE signing_keys (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    public_jwk     BYTEA   NOT NULL,
    certificate    BYTEA   NOT NULL,
    sealed_version BIGINT  NOT NULL,
    created_at     BIGINT  NOT NULL,
    retire_at      BIGINT  -- NULL: not retired
);

CREATE TABLE audit_entries (
    tenant_id                  TEXT COLLATE "C" NOT NULL,
    id                         TEXT COLLATE "C" NOT NULL,
    at                         BIGINT  NOT NULL,
    activity                   TEXT COLLATE "C" NOT NULL,
    category                   TEXT COLLATE "C" NOT NULL,
    service                    TEXT COLLATE "C" NOT NULL,
    operation                  TEXT COLLATE "C" NOT NULL,
    correlation_id             TEXT COLLATE "C" NOT NULL,
    actor_app_id               TEXT COLLATE "C" NOT NULL,
    actor_app_name             TEXT COLLATE "C" NOT NULL,
    actor_service_principal_id TEXT COLLATE "C" NOT NULL,
    actor_user_id              TEXT COLLATE "C" NOT NULL,
    actor_user_name            TEXT COLLATE "C" NOT NULL,
    actor_user_principal_name  TEXT COLLATE "C" NOT NULL,
    actor_ip_address           TEXT COLLATE "C" NOT NULL,
    targets                    TEXT COLLATE "C" NOT NULL, -- JSON array
    details                    TEXT COLLATE "C" NOT NULL, -- JSON array
    PRIMARY KEY (tenant_id, at, id),
    UNIQUE (tenant_id, id)
);

CREATE INDEX audit_entries_by_time ON audit_entries (at);

CREATE TABLE idempotency_records (
    tenant_id       TEXT COLLATE "C" NOT NULL,
    app_id          TEXT COLLATE "C" NOT NULL,
    idempotency_key TEXT COLLATE "C" NOT NULL,
    operation       TEXT COLLATE "C" NOT NULL,
    mac             BYTEA   NOT NULL,
    result_id       TEXT COLLATE "C" NOT NULL,
    expires_at      BIGINT  NOT NULL,
    PRIMARY KEY (tenant_id, app_id, idempotency_key)
);

CREATE INDEX idempotency_records_by_expiry ON idempotency_records (expires_at);

CREATE TABLE meta (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

-- The second wall: under every statement's own WHERE, the database shows and takes rows of the tenant only that the store
-- has set for the connection; '*' stands for work on all tenants. Without a setting there are no rows. FORCE, because the role
-- that owns the tables is the one that works on them. The condition is written so that the planner takes it for true of nearly
-- every row (0.995), which it is where a statement has its own WHERE: written as an IN, it is taken for true of one in a hundred, and
-- then whole tables are read and sorted to find the first page of something.
-- +goose StatementBegin
DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['applications', 'connectors', 'certificates', 'secrets', 'audit_entries', 'idempotency_records'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant ON %I USING (CASE (SELECT nullif(current_setting(''patchbay.tenant'', true), '''')) WHEN tenant_id THEN true WHEN ''*'' THEN true END IS NOT NULL)', name);
    END LOOP;
END
$$;
-- +goose StatementEnd
