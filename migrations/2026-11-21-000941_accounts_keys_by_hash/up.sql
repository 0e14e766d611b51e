-- As for tokens: sessions are looked up many at once, by their cookies' hashes.
ALTER TABLE browser_sessions DROP CONSTRAINT browser_sessions_pkey, ADD PRIMARY KEY (token_hash, expires_on);
