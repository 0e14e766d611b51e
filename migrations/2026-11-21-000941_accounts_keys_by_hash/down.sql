ALTER TABLE browser_sessions DROP CONSTRAINT browser_sessions_pkey, ADD PRIMARY KEY (expires_on, token_hash);
