ALTER TABLE refresh_answers DROP CONSTRAINT refresh_answers_pkey, ADD PRIMARY KEY (sealed_on, hash);
ALTER TABLE families DROP CONSTRAINT families_pkey, ADD PRIMARY KEY (expires_on, id);
ALTER TABLE authorization_codes DROP CONSTRAINT authorization_codes_pkey, ADD PRIMARY KEY (expires_on, hash);
ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_pkey, ADD PRIMARY KEY (expires_on, hash);
ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_pkey, ADD PRIMARY KEY (expires_on, hash);
