-- Many are looked up at once: any of these keys on one day. What is unique comes first, so that whatever the plan,
-- nothing but the rows themselves is looked at; the day picks the partitions.
ALTER TABLE access_tokens DROP CONSTRAINT access_tokens_pkey, ADD PRIMARY KEY (hash, expires_on);
ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_pkey, ADD PRIMARY KEY (hash, expires_on);
ALTER TABLE authorization_codes DROP CONSTRAINT authorization_codes_pkey, ADD PRIMARY KEY (hash, expires_on);
ALTER TABLE families DROP CONSTRAINT families_pkey, ADD PRIMARY KEY (id, expires_on);
ALTER TABLE refresh_answers DROP CONSTRAINT refresh_answers_pkey, ADD PRIMARY KEY (hash, sealed_on);
