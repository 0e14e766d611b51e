// @generated automatically by Diesel CLI.

diesel::table! {
    access_tokens (hash, expires_on) {
        expires_on -> Date,
        hash -> Bytea,
        id -> Uuid,
        subject_id -> Uuid,
        client_id -> Uuid,
        family_expires_on -> Nullable<Date>,
        family_id -> Nullable<Uuid>,
        scopes -> Array<Nullable<Text>>,
        audience -> Array<Nullable<Text>>,
        issued_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    authorization_codes (hash, expires_on) {
        expires_on -> Date,
        hash -> Bytea,
        family_id -> Uuid,
        redirect_uri -> Text,
        redirect_uri_sent -> Bool,
        code_challenge -> Text,
        scopes -> Array<Nullable<Text>>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        consumed_at -> Nullable<Timestamptz>,
        consumed_by -> Nullable<Uuid>,
    }
}

diesel::table! {
    browser_sessions (token_hash, expires_on) {
        expires_on -> Date,
        token_hash -> Bytea,
        id -> Uuid,
        user_id -> Uuid,
        authenticated_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        opened_from -> Nullable<Bytea>,
    }
}

diesel::table! {
    client_redirect_uris (principal_id, redirect_uri) {
        principal_id -> Uuid,
        redirect_uri -> Text,
    }
}

diesel::table! {
    clients (principal_id) {
        principal_id -> Uuid,
        client_id -> Text,
        confidential -> Bool,
        first_party -> Bool,
        publisher -> Nullable<Text>,
        verified -> Bool,
        token_endpoint_auth_method -> Nullable<Text>,
        grant_types -> Array<Nullable<Text>>,
        scopes -> Array<Nullable<Text>>,
        origins -> Array<Nullable<Text>>,
        access_token_lifetime -> Nullable<Int4>,
        refresh_token_lifetime -> Nullable<Int4>,
        introspection_audiences -> Array<Nullable<Text>>,
        access_token_format -> Nullable<Text>,
        introspection_consumes -> Bool,
    }
}

diesel::table! {
    credential_stats (credential_id) {
        credential_id -> Uuid,
        last_used_at -> Timestamptz,
        last_used_ip -> Nullable<Inet>,
        request_count -> Int8,
    }
}

diesel::table! {
    credentials (id) {
        id -> Uuid,
        principal_id -> Uuid,
        kind -> Text,
        secret_hash -> Bytea,
        #[max_length = 8]
        token_prefix -> Varchar,
        #[max_length = 4]
        last4 -> Bpchar,
        expires_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        rotated_from -> Nullable<Uuid>,
        created_at -> Timestamptz,
        #[max_length = 100]
        name -> Nullable<Varchar>,
        environment -> Text,
        scopes -> Nullable<Array<Nullable<Text>>>,
        ip_allow -> Array<Nullable<Cidr>>,
        imported -> Bool,
        created_by -> Nullable<Uuid>,
        revoke_reason -> Nullable<Text>,
        rotated_at -> Nullable<Timestamptz>,
        expiry_told -> Nullable<Int2>,
        reuse_told_at -> Nullable<Timestamptz>,
        rotated_by_itself -> Bool,
    }
}

diesel::table! {
    event_chain (batch) {
        batch -> Int8,
        first_seq -> Int8,
        last_seq -> Int8,
        month -> Date,
        until_transaction -> Int8,
        until_at -> Timestamptz,
        until_id -> Uuid,
        digest -> Bytea,
        previous -> Bytea,
        hash -> Bytea,
        sealed_at -> Timestamptz,
    }
}

diesel::table! {
    event_checkpoints (batch) {
        batch -> Int8,
        seq -> Int8,
        hash -> Bytea,
        signature -> Text,
        kid -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    event_leaves (month, batch) {
        month -> Date,
        batch -> Int8,
        leaves -> Bytea,
    }
}

diesel::table! {
    events (occurred_at, id) {
        occurred_at -> Timestamptz,
        id -> Uuid,
        kind -> Text,
        outcome -> Text,
        actor_kind -> Text,
        actor_id -> Nullable<Uuid>,
        target_kind -> Nullable<Text>,
        target_id -> Nullable<Text>,
        client_id -> Nullable<Uuid>,
        request_id -> Nullable<Text>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        data -> Jsonb,
        transaction -> Int8,
    }
}

diesel::table! {
    families (id, expires_on) {
        expires_on -> Date,
        id -> Uuid,
        grant_id -> Uuid,
        user_id -> Uuid,
        client_id -> Uuid,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
        revoked_by -> Nullable<Text>,
        resources -> Nullable<Array<Nullable<Text>>>,
    }
}

diesel::table! {
    grant_usage (grant_id) {
        grant_id -> Uuid,
        last_used_at -> Timestamptz,
        calls -> Int8,
    }
}

diesel::table! {
    grants (id) {
        id -> Uuid,
        user_id -> Uuid,
        client_id -> Uuid,
        scopes -> Array<Nullable<Text>>,
        granted_at -> Timestamptz,
        updated_at -> Timestamptz,
        withdrawn_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    idempotency_keys (caller_id, key, at) {
        caller_id -> Uuid,
        key -> Text,
        at -> Timestamptz,
        fingerprint -> Bytea,
        attempt_id -> Uuid,
        status -> Nullable<Int2>,
        etag -> Nullable<Text>,
        body -> Nullable<Jsonb>,
    }
}

diesel::table! {
    interactions (opened_on, id) {
        opened_on -> Date,
        id -> Uuid,
        browser_hash -> Bytea,
        request -> Jsonb,
        card -> Jsonb,
        signed_in_as -> Nullable<Uuid>,
        opened_at -> Timestamptz,
        expires_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    limits (id) {
        id -> Uuid,
        plan_id -> Nullable<Text>,
        principal_id -> Nullable<Uuid>,
        credential_id -> Nullable<Uuid>,
        service_id -> Nullable<Uuid>,
        route_id -> Nullable<Uuid>,
        name -> Text,
        kind -> Text,
        quota -> Nullable<Int8>,
        window_s -> Int8,
        unit -> Text,
        on_error -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    memberships (org_id, user_id) {
        org_id -> Uuid,
        user_id -> Uuid,
        role -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    organizations (principal_id) {
        principal_id -> Uuid,
        name_key -> Text,
    }
}

diesel::table! {
    partition_plans (parent) {
        parent -> Text,
        grain -> Text,
        ahead -> Interval,
        keep -> Nullable<Interval>,
        fillfactor -> Nullable<Int4>,
        lives_as -> Nullable<Text>,
    }
}

diesel::table! {
    plans (id) {
        id -> Text,
        name -> Text,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    principals (id) {
        id -> Uuid,
        kind -> Text,
        name -> Text,
        created_at -> Timestamptz,
        disabled_at -> Nullable<Timestamptz>,
        num -> Int8,
        account_id -> Uuid,
        plan_id -> Nullable<Text>,
        updated_at -> Timestamptz,
        version -> Int8,
    }
}

diesel::table! {
    quota_counters (key, cell, slot) {
        slot -> Int2,
        key -> Uuid,
        cell -> Int8,
        used -> Int8,
        told -> Int2,
        born -> Int8,
    }
}

diesel::table! {
    rate_counters (key, cell, slot) {
        slot -> Int2,
        key -> Uuid,
        cell -> Int8,
        used -> Int8,
        told -> Int2,
        born -> Int8,
    }
}

diesel::table! {
    refresh_answers (hash, sealed_on) {
        sealed_on -> Date,
        hash -> Bytea,
        parameters -> Bytea,
        sealed -> Nullable<Bytea>,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    refresh_tokens (hash, expires_on) {
        expires_on -> Date,
        hash -> Bytea,
        family_id -> Uuid,
        scopes -> Array<Nullable<Text>>,
        issued_at -> Timestamptz,
        consumed_at -> Nullable<Timestamptz>,
        consumed_by -> Nullable<Uuid>,
        successor -> Nullable<Bytea>,
        predecessor -> Nullable<Bytea>,
    }
}

diesel::table! {
    request_batches (at, id) {
        at -> Timestamptz,
        id -> Uuid,
        seal_id -> Uuid,
        place -> Int4,
        logged -> Int4,
        first_ts -> Timestamptz,
        last_ts -> Timestamptz,
        digest -> Bytea,
        rows_digest -> Nullable<Bytea>,
    }
}

diesel::table! {
    request_log (ts, request_id) {
        ts -> Timestamptz,
        request_id -> Uuid,
        batch_id -> Uuid,
        account_id -> Nullable<Uuid>,
        principal_id -> Nullable<Uuid>,
        credential_id -> Nullable<Uuid>,
        token_id -> Nullable<Uuid>,
        client_id -> Nullable<Uuid>,
        service_id -> Nullable<Uuid>,
        method -> Text,
        path -> Text,
        route -> Nullable<Text>,
        status_code -> Int2,
        error_code -> Nullable<Text>,
        decision -> Text,
        policy -> Nullable<Text>,
        checks -> Jsonb,
        limits -> Jsonb,
        response_time_ms -> Int4,
        upstream_ms -> Nullable<Int4>,
        bytes_in -> Int8,
        bytes_out -> Int8,
        cost_units -> Int8,
        ip_address -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        trace_id -> Nullable<Text>,
    }
}

diesel::table! {
    scopes (value) {
        value -> Text,
        service_id -> Uuid,
        sentence -> Text,
        optional -> Bool,
    }
}

diesel::table! {
    service_grants (principal_id, service_id) {
        principal_id -> Uuid,
        service_id -> Uuid,
        granted_at -> Timestamptz,
    }
}

diesel::table! {
    service_routes (id) {
        id -> Uuid,
        service_id -> Uuid,
        position -> Int4,
        methods -> Array<Nullable<Text>>,
        path_pattern -> Text,
        required_scopes -> Nullable<Array<Nullable<Text>>>,
        cost_units -> Int8,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    services (id) {
        id -> Uuid,
        name -> Text,
        audience -> Text,
        display_name -> Text,
        created_at -> Timestamptz,
        access_token_format -> Nullable<Text>,
        disabled_at -> Nullable<Timestamptz>,
        is_open -> Bool,
    }
}

diesel::table! {
    sign_in_failures (day, account_hash, network) {
        day -> Date,
        account_hash -> Bytea,
        network -> Text,
        failures -> Int4,
        last_failed_at -> Timestamptz,
    }
}

diesel::table! {
    signing_keys (kid) {
        kid -> Text,
        algorithm -> Text,
        public_jwk -> Jsonb,
        private_key -> Bytea,
        created_at -> Timestamptz,
        signs_from -> Timestamptz,
        signs_until -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    usage_days (bucket, account_id, credential_id, service_id) {
        bucket -> Timestamptz,
        account_id -> Uuid,
        credential_id -> Uuid,
        service_id -> Uuid,
        requests -> Int8,
        errors -> Int8,
        limited -> Int8,
        cost_units -> Int8,
        bytes_in -> Int8,
        bytes_out -> Int8,
        latency_ms_sum -> Int8,
        latency_hist -> Array<Nullable<Int8>>,
        introspections -> Int8,
    }
}

diesel::table! {
    usage_hours (bucket, account_id, credential_id, service_id) {
        bucket -> Timestamptz,
        account_id -> Uuid,
        credential_id -> Uuid,
        service_id -> Uuid,
        requests -> Int8,
        errors -> Int8,
        limited -> Int8,
        cost_units -> Int8,
        bytes_in -> Int8,
        bytes_out -> Int8,
        latency_ms_sum -> Int8,
        latency_hist -> Array<Nullable<Int8>>,
        introspections -> Int8,
    }
}

diesel::table! {
    usage_minutes (bucket, account_id, credential_id, service_id) {
        bucket -> Timestamptz,
        account_id -> Uuid,
        credential_id -> Uuid,
        service_id -> Uuid,
        requests -> Int8,
        errors -> Int8,
        limited -> Int8,
        cost_units -> Int8,
        bytes_in -> Int8,
        bytes_out -> Int8,
        latency_ms_sum -> Int8,
        latency_hist -> Array<Nullable<Int8>>,
        introspections -> Int8,
    }
}

diesel::table! {
    users (principal_id) {
        principal_id -> Uuid,
        identifier -> Text,
        email -> Nullable<Text>,
        email_key -> Nullable<Text>,
        password_hash -> Nullable<Text>,
        password_changed_at -> Nullable<Timestamptz>,
        administrator_since -> Nullable<Timestamptz>,
    }
}

diesel::joinable!(client_redirect_uris -> clients (principal_id));
diesel::joinable!(clients -> principals (principal_id));
diesel::joinable!(credential_stats -> credentials (credential_id));
diesel::joinable!(grant_usage -> grants (grant_id));
diesel::joinable!(memberships -> organizations (org_id));
diesel::joinable!(memberships -> users (user_id));
diesel::joinable!(organizations -> principals (principal_id));
diesel::joinable!(principals -> plans (plan_id));
diesel::joinable!(scopes -> services (service_id));
diesel::joinable!(service_grants -> principals (principal_id));
diesel::joinable!(service_grants -> services (service_id));
diesel::joinable!(service_routes -> services (service_id));
diesel::joinable!(users -> principals (principal_id));

diesel::allow_tables_to_appear_in_same_query!(
    access_tokens,
    authorization_codes,
    browser_sessions,
    client_redirect_uris,
    clients,
    credential_stats,
    credentials,
    event_chain,
    event_checkpoints,
    event_leaves,
    events,
    families,
    grant_usage,
    grants,
    idempotency_keys,
    interactions,
    limits,
    memberships,
    organizations,
    partition_plans,
    plans,
    principals,
    quota_counters,
    rate_counters,
    refresh_answers,
    refresh_tokens,
    request_batches,
    request_log,
    scopes,
    service_grants,
    service_routes,
    services,
    sign_in_failures,
    signing_keys,
    usage_days,
    usage_hours,
    usage_minutes,
    users,
);
