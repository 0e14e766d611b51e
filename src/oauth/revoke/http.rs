//! `POST /oauth/revoke`.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::clients::authentication::Presented;
use crate::kernel::{Denial, PlainSecret};
use crate::oauth::OAuth;
use crate::oauth::revoke::flow;
use crate::platform::context::Context;
use crate::platform::faces::{OAuthFace, no_store};
use crate::platform::form::{Form, Params};

/// What the endpoint answers (RFC 7009 §2.2): 200 with nothing in it.
pub async fn post(
    oauth: web::Data<OAuth>,
    context: Context,
    request: HttpRequest,
    form: Form<OAuthFace>,
) -> Result<HttpResponse, OAuthFace> {
    if let Some(token) = of_nobody(&request, &form.params)
        && flow::by_holder(&oauth, &context, &token).await??
    {
        return Ok(done());
    }
    let client = oauth.client(&context, &request, &form.params).await?;
    form.params.refuse_repeated(&[])?;
    let token = PlainSecret::new(form.params.required("token")?.to_owned());
    flow::revoke(&oauth, &context, &client, token).await??;
    Ok(done())
}

/// What is presented by somebody who does not say that they are a client.
fn of_nobody(request: &HttpRequest, form: &Params) -> Option<PlainSecret> {
    let is_nobody = matches!(Presented::read(request, form), Err(Denial::ClientMissing))
        && form.get("client_secret").is_none()
        && form.refuse_repeated(&[]).is_ok();
    form.get("token").filter(|_| is_nobody).map(|token| PlainSecret::new(token.to_owned()))
}

fn done() -> HttpResponse {
    no_store(&mut HttpResponse::Ok()).finish()
}
