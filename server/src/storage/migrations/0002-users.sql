-- Accounts, their devices and tokens, and what a user stores on the server. Times are milliseconds since 1970.
CREATE TABLE accounts (
  user_id text PRIMARY KEY,
  -- Argon2id in PHC form. NULL: nobody can sign in with a password.
  password_hash text,
  is_admin boolean NOT NULL DEFAULT false,
  is_guest boolean NOT NULL DEFAULT false,
  is_locked boolean NOT NULL DEFAULT false,
  is_deactivated boolean NOT NULL DEFAULT false,
  -- The user asked, on deactivation, that people who join later see none of their messages.
  is_erased boolean NOT NULL DEFAULT false,
  created_at bigint NOT NULL
);

CREATE TABLE devices (
  user_id text NOT NULL REFERENCES accounts (user_id),
  device_id text NOT NULL,
  display_name text,
  created_at bigint NOT NULL,
  -- Written in batches, so up to a minute late.
  last_seen_at bigint,
  last_seen_ip text,
  PRIMARY KEY (user_id, device_id)
);

-- Refresh tokens of a device form a chain: each knows the one that it was obtained with. Using a retired one means that the
-- chain was copied, and ends all sessions of the device.
CREATE TABLE refresh_tokens (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE,
  user_id text NOT NULL,
  device_id text NOT NULL,
  parent_id bigint REFERENCES refresh_tokens (id) ON DELETE SET NULL,
  -- Set once a token that was obtained with this one has been used.
  retired_at bigint,
  FOREIGN KEY (user_id, device_id) REFERENCES devices (user_id, device_id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_by_device ON refresh_tokens (user_id, device_id);
CREATE INDEX refresh_tokens_by_parent ON refresh_tokens (parent_id);

-- Only hashes of tokens are stored.
CREATE TABLE access_tokens (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token_hash bytea NOT NULL UNIQUE,
  user_id text NOT NULL,
  device_id text NOT NULL,
  -- The refresh token that was issued with it.
  refresh_token_id bigint REFERENCES refresh_tokens (id) ON DELETE CASCADE,
  -- NULL: does not expire.
  expires_at bigint,
  -- Issued by a refresh and not used yet: its first use retires the refresh token that it was obtained with.
  is_fresh boolean NOT NULL DEFAULT false,
  FOREIGN KEY (user_id, device_id) REFERENCES devices (user_id, device_id) ON DELETE CASCADE
);
CREATE INDEX access_tokens_by_device ON access_tokens (user_id, device_id);
CREATE INDEX access_tokens_by_refresh_token ON access_tokens (refresh_token_id);

-- Shown to administrators, who hand them out; so they are kept readable.
CREATE TABLE registration_tokens (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  token text NOT NULL UNIQUE,
  -- NULL: any number.
  uses_allowed integer,
  uses integer NOT NULL DEFAULT 0,
  expires_at bigint
);

-- User-interactive authentication under way. The key is the hash of the session id; the operation is bound to the id itself,
-- so that nothing of the request can be guessed from this table.
CREATE TABLE uia_sessions (
  id_hash bytea PRIMARY KEY,
  operation bytea NOT NULL,
  completed text[] NOT NULL DEFAULT '{}',
  -- When the last stage was completed.
  completed_at bigint,
  -- Whose password was given.
  user_id text,
  registration_token_id bigint,
  expires_at bigint NOT NULL
);
CREATE INDEX uia_sessions_by_expiry ON uia_sessions (expires_at);

-- Secrets that are good for one use: the set-up link of the first administrator, nonces of shared-secret registration.
CREATE TABLE one_time_tokens (
  token_hash bytea PRIMARY KEY,
  purpose text NOT NULL,
  expires_at bigint NOT NULL
);

CREATE TABLE openid_tokens (
  token_hash bytea PRIMARY KEY,
  user_id text NOT NULL,
  expires_at bigint NOT NULL
);
CREATE INDEX openid_tokens_by_expiry ON openid_tokens (expires_at);

-- Profiles of local users. `fields` is the JSON text of the whole profile; the other columns are projections of it.
CREATE TABLE profiles (
  user_id text PRIMARY KEY REFERENCES accounts (user_id),
  fields text NOT NULL DEFAULT '{}',
  display_name text,
  avatar_url text
);

-- Account data, global where room_id is ''. Of type m.push_rules the content is what the user changed about the default push
-- rules; clients are shown the whole rule set.
CREATE TABLE account_data (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  user_id text NOT NULL,
  room_id text NOT NULL DEFAULT '',
  type text NOT NULL,
  content text NOT NULL,
  -- Position in the log of the last change.
  position bigint NOT NULL,
  UNIQUE (user_id, room_id, type)
);
CREATE INDEX account_data_by_position ON account_data (user_id, position);

-- The same filter of the same user has one row, so clients that define theirs at every start do not fill the table.
CREATE TABLE filters (
  user_id text NOT NULL,
  filter_id bigint NOT NULL,
  filter_hash bytea NOT NULL,
  filter text NOT NULL,
  PRIMARY KEY (user_id, filter_id),
  UNIQUE (user_id, filter_hash)
);

-- Token buckets shared by all processes: until when a bucket is paid for. Worth nothing after a crash.
CREATE UNLOGGED TABLE rate_limits (
  bucket text PRIMARY KEY,
  paid_until double precision NOT NULL
);
