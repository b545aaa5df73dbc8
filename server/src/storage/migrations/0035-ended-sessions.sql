-- However an access token goes, by a logout, with its device or its account, every process is told its id: long polls with it end.
CREATE FUNCTION tell_ended_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('ended_sessions', OLD.id::text);
  RETURN NULL;
END $$;
CREATE TRIGGER ended_sessions AFTER DELETE ON access_tokens FOR EACH ROW EXECUTE FUNCTION tell_ended_session();
