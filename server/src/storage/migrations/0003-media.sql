-- Bytes that the content store holds, by their hash. A row exists only while the bytes are durable in the store, so a file
-- without a row is a leftover of a crash. Quarantine belongs to the bytes: every medium that shows them is withheld.
CREATE TABLE media_content (
  sha256 bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
  quarantined_at bigint,
  quarantined_by text
);

-- What an mxc:// URI names: our own uploads and our copies of other servers' media.
CREATE TABLE media (
  server_name text NOT NULL,
  media_id text NOT NULL,
  -- NULL: the URI was handed out and nothing has been uploaded to it yet.
  sha256 bytea REFERENCES media_content,
  -- NULL for media of other servers.
  uploader text,
  content_type text,
  file_name text,
  created_at bigint NOT NULL,
  -- Until when something may be uploaded to a URI that is still empty, in milliseconds since 1970.
  unused_expires_at bigint,
  PRIMARY KEY (server_name, media_id)
);
CREATE INDEX media_by_content ON media (sha256);
CREATE INDEX media_pending ON media (uploader, unused_expires_at) WHERE sha256 IS NULL;

-- Thumbnails made so far, by the bytes they were made from and what was asked for. The thumbnail may be the source itself,
-- where that is small enough.
CREATE TABLE media_thumbnails (
  source_sha256 bytea NOT NULL REFERENCES media_content ON DELETE CASCADE,
  width integer NOT NULL,
  height integer NOT NULL,
  method text NOT NULL CHECK (method IN ('crop', 'scale')),
  animated boolean NOT NULL,
  sha256 bytea NOT NULL REFERENCES media_content,
  content_type text NOT NULL,
  PRIMARY KEY (source_sha256, width, height, method, animated)
);
CREATE INDEX media_thumbnails_by_content ON media_thumbnails (sha256);

-- Token buckets that bound how many bytes a user or an address may make us store. `bytes` is what was left at `updated_at`;
-- it falls below zero when something turned out larger than announced.
CREATE TABLE media_budgets (
  key text PRIMARY KEY,
  bytes double precision NOT NULL,
  updated_at bigint NOT NULL
);

-- Bytes of the content store for servers whose processes share no folder, in pieces of one size.
CREATE TABLE media_pieces (
  sha256 bytea NOT NULL,
  piece integer NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (sha256, piece)
);
-- Media are mostly compressed already, and a piece is read whole or by a part of it.
ALTER TABLE media_pieces ALTER COLUMN bytes SET STORAGE EXTERNAL;
