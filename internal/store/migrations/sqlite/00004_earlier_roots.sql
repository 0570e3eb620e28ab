-- +goose Up

-- What still opens and recognises what was recorded under earlier master keys, encrypted under the one that wraps the ring. NULL:
-- the master key was never changed, or by a version that did not know this column.
ALTER TABLE key_ring ADD COLUMN earlier_roots BLOB;
