-- What this database belongs to. A server name is part of every id that was ever given out, so it can never change.
CREATE TABLE installation (
  one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
  server_name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
