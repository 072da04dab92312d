"""The integration as SuperTokens documents it for FastAPI, against the core at CORE_URI."""

import os

from fastapi import Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware
from supertokens_python import InputAppInfo, SupertokensConfig, get_all_cors_headers, init
from supertokens_python.framework.fastapi import get_middleware
from supertokens_python.recipe import emailpassword, session
from supertokens_python.recipe.session import SessionContainer
from supertokens_python.recipe.session.framework.fastapi import verify_session

init(
    app_info=InputAppInfo(
        app_name="Portcullis example",
        api_domain="http://localhost:3001",
        website_domain="http://localhost:3000",
        api_base_path="/auth",
        website_base_path="/auth",
    ),
    supertokens_config=SupertokensConfig(connection_uri=os.environ["CORE_URI"]),
    framework="fastapi",
    recipe_list=[session.init(), emailpassword.init()],
    mode="asgi",
)

app = FastAPI()
app.add_middleware(get_middleware())


@app.get("/sessioninfo")
async def sessioninfo(session: SessionContainer = Depends(verify_session())):
    return {
        "userId": session.get_user_id(),
        "sessionHandle": session.get_handle(),
        "accessTokenPayload": session.get_access_token_payload(),
    }


app.add_middleware(
    CORSMiddleware,
    allow_origins=["http://localhost:3000"],
    allow_credentials=True,
    allow_methods=["GET", "PUT", "POST", "DELETE"],
    allow_headers=["Content-Type", *get_all_cors_headers()],
)
