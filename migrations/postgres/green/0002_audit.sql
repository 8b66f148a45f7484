-- pgaudit tells who changes structures and rights, without the passwords in them. A server without it goes without.
DO $$
BEGIN
  IF current_setting('shared_preload_libraries') LIKE '%pgaudit%' THEN
    CREATE EXTENSION IF NOT EXISTS pgaudit;
  END IF;
END
$$;
