-- The server that took a knock of ours into its room: it may say what has become of it, and is told when it is taken back.
ALTER TABLE memberships ADD COLUMN via text;
