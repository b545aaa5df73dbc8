-- A user asked, on deactivation, that who comes into a room later sees none of their messages: position in the log of that
-- moment. It takes the place of a flag that did not say when.
ALTER TABLE accounts ADD COLUMN erased_position bigint;
UPDATE accounts SET erased_position = (SELECT position FROM log_head) WHERE is_erased;
ALTER TABLE accounts DROP COLUMN is_erased;
