"""What users do, through the unmodified supertokens-python (CDI 5.4)."""

import uuid

import httpx
import pytest

PASSWORD = "a-Secret-1"


class Client:
    """A mobile app with SuperTokens' frontend SDK: it keeps the tokens of its session (header mode)."""

    def __init__(self, url, access="", refresh_token=""):
        self.url, self.access, self.refresh_token = url, access, refresh_token

    def copy(self):
        return Client(self.url, self.access, self.refresh_token)

    def get(self, path):
        return self.request("GET", path, token=self.access)

    def post(self, path, body=None):
        return self.request("POST", path, token=self.access, json=body)

    def refresh(self):
        return self.request("POST", "/auth/session/refresh", token=self.refresh_token)

    def sign_up(self, email, password=PASSWORD):
        return self.post("/auth/signup", form(email, password))

    def sign_in(self, email, password=PASSWORD):
        return self.post("/auth/signin", form(email, password))

    def request(self, method, path, token, **arguments):
        headers = {"st-auth-mode": "header"} | ({"authorization": f"Bearer {token}"} if token else {})
        response = httpx.request(method, self.url + path, headers=headers, **arguments)
        self.access = response.headers.get("st-access-token", self.access)
        self.refresh_token = response.headers.get("st-refresh-token", self.refresh_token)
        return response


def form(email, password):
    return {"formFields": [{"id": "email", "value": email}, {"id": "password", "value": password}]}


@pytest.fixture
def client(application):
    return Client(application)


@pytest.fixture
def email():
    return f"{uuid.uuid4()}@example.com"


@pytest.fixture
def user(client, email):
    """Who has just signed up with `client`."""
    response = client.sign_up(email)
    assert response.status_code == 200
    assert response.json()["status"] == "OK"
    return response.json()["user"]


def test_sign_up(user, email):
    assert user["emails"] == [email]
    assert user["tenantIds"] == ["public"]
    assert [(method["recipeId"], method["recipeUserId"]) for method in user["loginMethods"]] == [("emailpassword", user["id"])]


def test_duplicate_email(client, user, email):
    assert client.copy().sign_up(email.upper()).json() == {
        "status": "FIELD_ERROR",
        "formFields": [{"id": "email", "error": "This email already exists. Please sign in instead."}],
    }


def test_sign_in(client, user, email):
    assert Client(client.url).sign_in(email).json() == {"status": "OK", "user": user}
    assert Client(client.url).sign_in(email, "not-the-Secret-1").json() == {"status": "WRONG_CREDENTIALS_ERROR"}


def test_verify(client, user):
    response = client.get("/sessioninfo")
    assert response.status_code == 200
    assert response.json()["userId"] == user["id"]
    payload = response.json()["accessTokenPayload"]
    assert (payload["sub"], payload["rsub"], payload["tId"]) == (user["id"], user["id"], "public")
    nobody = Client(client.url).get("/sessioninfo")
    assert (nobody.status_code, nobody.json()) == (401, {"message": "unauthorised"})


def test_refresh(client, user):
    before, old = client.get("/sessioninfo").json(), client.copy()
    assert client.refresh().status_code == 200
    assert client.access != old.access
    assert client.refresh_token != old.refresh_token
    after = client.get("/sessioninfo")
    assert after.status_code == 200
    assert after.json()["sessionHandle"] == before["sessionHandle"]


def test_replayed_refresh_token_is_theft(client, user):
    thief = client.copy()
    client.refresh()
    assert client.get("/sessioninfo").status_code == 200
    stolen = thief.refresh()
    assert (stolen.status_code, stolen.json()) == (401, {"message": "token theft detected"})
    assert client.refresh().status_code == 401


def test_sign_out(client, user):
    kept = client.copy()
    response = client.post("/auth/signout")
    assert (response.status_code, response.json()) == (200, {"status": "OK"})
    assert client.access == ""
    assert client.get("/sessioninfo").status_code == 401
    assert kept.refresh().status_code == 401
