//! What the app keeps about users.

use crate::body::{Body, unknown};
use portcullis::{Cx, Result};
use serde_json::{Value, json};

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let (recipe, user_id) = (cx.sdk().user_metadata(), body.text("userId"));
    Ok(match function {
        "getusermetadata" => json!({"status": "OK", "metadata": recipe.get(cx, user_id).await?}),
        "updateusermetadata" => {
            let update = body.object("metadataUpdate");
            json!({"status": "OK", "metadata": recipe.update(cx, user_id, update).await?})
        }
        "clearusermetadata" => {
            recipe.clear(cx, user_id).await?;
            json!({"status": "OK"})
        }
        _ => return Err(unknown(function)),
    })
}
