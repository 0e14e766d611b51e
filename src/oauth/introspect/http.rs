//! `POST /oauth/introspect`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::clients::Client;
use crate::decision::{Active, BearerKind, Subject};
use crate::kernel::{Fault, PlainSecret, Scope, TokenId};
use crate::oauth::OAuth;
use crate::oauth::introspect::asked::{self, Told};
use crate::oauth::introspect::flow::{self, Found};
use crate::oauth::introspect::signed;
use crate::platform::context::Context;
use crate::platform::faces::{OAuthFace, no_store};
use crate::platform::form::Form;

/// What the endpoint answers (RFC 7662 §2.2). The caller is authenticated before the token is looked at;
/// `token_type_hint` is not needed, since every bearer says what it is (§2.1 allows to ignore it). Who asks for a JWT gets
/// the same in one (RFC 9701).
pub async fn post(
    oauth: web::Data<OAuth>,
    context: Context,
    request: HttpRequest,
    form: Form<OAuthFace>,
) -> Result<HttpResponse, OAuthFace> {
    let caller = oauth.client(&context, &request, &form.params).await?;
    form.params.refuse_repeated(&[])?;
    let token = PlainSecret::new(form.params.required("token")?.to_owned());
    let call = asked::call(&caller, &form.params)?;
    let reader = signed::is_wanted(&request, &oauth.keys, context.now)??.then_some(&*caller);
    let found = flow::introspect(&oauth, &context, &caller, token, call).await??;
    Ok(match found {
        None => answer(&oauth, &context, reader, &Inactive { active: false })?,
        Some(Found::Token(token)) => answer(&oauth, &context, reader, &Answer::of(&token, &oauth.issuer))?,
        Some(Found::Key(key)) => {
            answer(&oauth, &context, reader, &Told::of(&key.holder, &key.audience, &oauth.issuer))?
        }
        Some(Found::Decided(decided)) => {
            let (holder, decision) = *decided;
            answer(&oauth, &context, reader, &Told::of_call(&holder, &decision, &oauth.issuer, context.now))?
        }
    })
}

/// In JSON, or as a JWT for this reader.
fn answer<T: Serialize>(
    oauth: &OAuth,
    context: &Context,
    reader: Option<&Client>,
    answer: &T,
) -> Result<HttpResponse, Fault> {
    let mut response = HttpResponse::Ok();
    let response = no_store(&mut response);
    let Some(reader) = reader else { return Ok(response.json(answer)) };
    let jwt = signed::jwt(&oauth.keys, reader, answer, context.now)?;
    Ok(response.content_type(signed::MEDIA_TYPE).body(jwt))
}

#[derive(Serialize)]
struct Inactive {
    active: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    active: bool,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Scope::is_empty")]
    scope: &'a Scope,
    client_id: &'a str,
    sub: Subject<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    aud: &'a [String],
    iss: &'a str,
    iat: i64,
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<TokenId>,
}

impl<'a> Answer<'a> {
    fn of(token: &'a Active, issuer: &'a str) -> Self {
        Self {
            active: true,
            token_type: match token.kind {
                BearerKind::AccessToken => "Bearer",
                BearerKind::RefreshToken => "refresh_token",
            },
            scope: &token.scope,
            client_id: token.client.id.as_str(),
            sub: token.subject(),
            aud: &token.audience,
            iss: issuer,
            iat: token.issued_at.timestamp(),
            exp: token.expires_at.timestamp(),
            jti: token.id,
        }
    }
}
