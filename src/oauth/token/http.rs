//! `POST /oauth/token`: form and client in, tokens out.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::clients::GrantType;
use crate::kernel::{Denial, PlainSecret, Resources, Scope};
use crate::oauth::OAuth;
use crate::oauth::token::flow::{self, Ask, Asked};
use crate::platform::context::Context;
use crate::platform::faces::{OAuthFace, no_store};
use crate::platform::form::{Form, Params};

/// What the endpoint answers.
pub async fn post(
    oauth: web::Data<OAuth>,
    context: Context,
    request: HttpRequest,
    form: Form<OAuthFace>,
) -> Result<HttpResponse, OAuthFace> {
    let client = oauth.client(&context, &request, &form.params).await?;
    let ask = read(form.params)?;
    let answer = flow::answer(&oauth, &context, &client, ask).await??;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, "application/json"));
    Ok(no_store(&mut response).body(answer.expose().to_owned()))
}

fn read(params: Params) -> Result<Ask, Denial> {
    params.refuse_repeated(&["resource"])?;
    let grant = GrantType::parse(params.required("grant_type")?).ok_or(Denial::GrantTypeUnsupported)?;
    let scope = params.get("scope").map(Scope::requested).transpose().map_err(|_| Denial::ScopeMalformed)?;
    let resources = Resources::named(params.all("resource"));
    let secret = |name| params.get(name).map(|text| PlainSecret::new(text.to_owned()));
    let required = |name| secret(name).ok_or(Denial::Missing(name));
    Ok(match grant {
        GrantType::AuthorizationCode => Ask::Code {
            code: required("code")?,
            redirect_uri: params.get("redirect_uri").map(str::to_owned),
            verifier: secret("code_verifier"),
            resources,
        },
        GrantType::RefreshToken => {
            Ask::Refresh { token: required("refresh_token")?, asked: Asked { scope, resources } }
        }
        GrantType::ClientCredentials => Ask::ClientCredentials { asked: Asked { scope, resources } },
    })
}
