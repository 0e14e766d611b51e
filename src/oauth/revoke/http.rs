//! `POST /oauth/revoke`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::kernel::PlainSecret;
use crate::oauth::OAuth;
use crate::oauth::revoke::flow;
use crate::platform::context::Context;
use crate::platform::faces::{OAuthFace, no_store};
use crate::platform::form::Form;

/// What the endpoint answers (RFC 7009 §2.2): 200 with nothing in it.
pub async fn post(
    oauth: web::Data<OAuth>,
    context: Context,
    request: HttpRequest,
    form: Form<OAuthFace>,
) -> Result<HttpResponse, OAuthFace> {
    let client = oauth.client(&context, &request, &form.params).await?;
    form.params.refuse_repeated(&[])?;
    let token = PlainSecret::new(form.params.required("token")?.to_owned());
    flow::revoke(&oauth, &context, &client, token).await??;
    Ok(no_store(&mut HttpResponse::Ok()).finish())
}
