// Package official drives the core through the unmodified supertokens-golang, which speaks CDI 3.1.
package official

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/supertokens/supertokens-golang/ingredients/emaildelivery"
	"github.com/supertokens/supertokens-golang/recipe/emailpassword"
	"github.com/supertokens/supertokens-golang/recipe/emailpassword/epmodels"
	"github.com/supertokens/supertokens-golang/recipe/session"
	"github.com/supertokens/supertokens-golang/supertokens"
)

const password = "a-Secret-1"

type object = map[string]interface{}

// The SDK is one per process, so all tests share an application; each signs up users of its own.
func TestOfficialSdk(t *testing.T) {
	core := startCore(t)
	mails := &mailbox{links: map[string]string{}}
	application := startApplication(t, core, mails)
	users := 0
	newClient := func() *client { return &client{t: t, url: application.URL} }
	newEmail := func() string {
		users++
		return fmt.Sprintf("user%d.%d@example.com", users, time.Now().UnixNano())
	}
	signedUp := func(t *testing.T) (*client, string, string) {
		someone, email := newClient(), newEmail()
		status, body := someone.post("/auth/signup", form("email", email, "password", password))
		expect(t, status, 200)
		expect(t, body["status"], "OK")
		return someone, email, body["user"].(object)["id"].(string)
	}

	t.Run("sign-up, duplicate and sign-in", func(t *testing.T) {
		_, email, id := signedUp(t)
		_, duplicate := newClient().post("/auth/signup", form("email", email, "password", password))
		expect(t, duplicate["status"], "FIELD_ERROR")
		_, wrong := newClient().post("/auth/signin", form("email", email, "password", "not-the-Secret-1"))
		expect(t, wrong, object{"status": "WRONG_CREDENTIALS_ERROR"})
		_, right := newClient().post("/auth/signin", form("email", email, "password", password))
		expect(t, right["status"], "OK")
		expect(t, right["user"].(object)["id"], id)
		expect(t, right["user"].(object)["email"], email)
	})

	t.Run("verify", func(t *testing.T) {
		someone, _, id := signedUp(t)
		status, body := someone.get("/sessioninfo")
		expect(t, status, 200)
		expect(t, body["userId"], id)
		expect(t, body["accessTokenPayload"].(object)["tId"], "public")
		status, body = newClient().get("/sessioninfo")
		expect(t, status, 401)
		expect(t, body, object{"message": "unauthorised"})
	})

	t.Run("refresh", func(t *testing.T) {
		someone, _, id := signedUp(t)
		_, before := someone.get("/sessioninfo")
		old := *someone
		expect(t, someone.refresh(), 200)
		if someone.access == old.access || someone.refreshToken == old.refreshToken {
			t.Error("refresh kept a token")
		}
		status, after := someone.get("/sessioninfo")
		expect(t, status, 200)
		expect(t, after["userId"], id)
		expect(t, after["sessionHandle"], before["sessionHandle"])
	})

	t.Run("a replayed old refresh token is theft and ends the session", func(t *testing.T) {
		someone, _, _ := signedUp(t)
		thief := *someone
		expect(t, someone.refresh(), 200)
		status, _ := someone.get("/sessioninfo")
		expect(t, status, 200)
		status, body := thief.post("/auth/session/refresh", nil)
		expect(t, status, 401)
		expect(t, body, object{"message": "token theft detected"})
		expect(t, thief.access, "")
		expect(t, someone.refresh(), 401)
	})

	t.Run("sign-out", func(t *testing.T) {
		someone, _, id := signedUp(t)
		kept := *someone
		status, body := someone.post("/auth/signout", nil)
		expect(t, status, 200)
		expect(t, body, object{"status": "OK"})
		expect(t, someone.access, "")
		expect(t, kept.refresh(), 401)
		handles, err := session.GetAllSessionHandlesForUser(id, nil)
		expect(t, err, nil)
		expect(t, len(handles), 0)
	})

	t.Run("a forgotten password is reset by the link, once", func(t *testing.T) {
		_, email, _ := signedUp(t)
		_, body := newClient().post("/auth/user/password/reset/token", form("email", email))
		expect(t, body, object{"status": "OK"})
		token := mails.resetToken(t, email)
		reset := func(newPassword string) object {
			request := form("password", newPassword)
			request["method"], request["token"] = "token", token
			_, body := newClient().post("/auth/user/password/reset", request)
			return body
		}
		expect(t, reset("a-new-Secret-2"), object{"status": "OK"})
		expect(t, reset("a-third-Secret-3"), object{"status": "RESET_PASSWORD_INVALID_TOKEN_ERROR"})
		_, old := newClient().post("/auth/signin", form("email", email, "password", password))
		expect(t, old["status"], "WRONG_CREDENTIALS_ERROR")
		_, renewed := newClient().post("/auth/signin", form("email", email, "password", "a-new-Secret-2"))
		expect(t, renewed["status"], "OK")
	})
}

func startApplication(t *testing.T, core string, mails *mailbox) *httptest.Server {
	t.Helper()
	err := supertokens.Init(supertokens.TypeInput{
		Supertokens: &supertokens.ConnectionInfo{ConnectionURI: core},
		AppInfo:     supertokens.AppInfo{AppName: "Portcullis example", APIDomain: "http://localhost:3001", WebsiteDomain: "http://localhost:3000"},
		RecipeList: []supertokens.Recipe{
			emailpassword.Init(&epmodels.TypeInput{EmailDelivery: &emaildelivery.TypeInput{Override: mails.keep}}),
			session.Init(nil),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("/sessioninfo", session.VerifySession(nil, func(writer http.ResponseWriter, request *http.Request) {
		container := session.GetSessionFromRequestContext(request.Context())
		writer.Header().Set("content-type", "application/json")
		_ = json.NewEncoder(writer).Encode(object{
			"userId": container.GetUserID(), "sessionHandle": container.GetHandle(), "accessTokenPayload": container.GetAccessTokenPayload(),
		})
	}))
	application := httptest.NewServer(supertokens.Middleware(routes))
	t.Cleanup(application.Close)
	return application
}

// mailbox holds the newest reset link for each address, instead of sending it.
type mailbox struct {
	lock  sync.Mutex
	links map[string]string
}

func (mails *mailbox) keep(original emaildelivery.EmailDeliveryInterface) emaildelivery.EmailDeliveryInterface {
	send := func(mail emaildelivery.EmailType, _ supertokens.UserContext) error {
		mails.lock.Lock()
		defer mails.lock.Unlock()
		mails.links[mail.PasswordReset.User.Email] = mail.PasswordReset.PasswordResetLink
		return nil
	}
	original.SendEmail = &send
	return original
}

func (mails *mailbox) resetToken(t *testing.T, email string) string {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		mails.lock.Lock()
		link, sent := mails.links[email]
		mails.lock.Unlock()
		if sent {
			parsed, err := url.Parse(link)
			expect(t, err, nil)
			return parsed.Query().Get("token")
		}
	}
	t.Fatalf("no reset link was sent to %s", email)
	return ""
}

// client keeps a session's tokens as a mobile app with SuperTokens' frontend SDK does (header mode).
type client struct {
	t                         *testing.T
	url, access, refreshToken string
}

func (c *client) get(path string) (int, object) { return c.request("GET", path, nil, c.access) }

func (c *client) post(path string, body object) (int, object) {
	token := c.access
	if path == "/auth/session/refresh" {
		token = c.refreshToken
	}
	return c.request("POST", path, body, token)
}

func (c *client) refresh() int {
	status, _ := c.post("/auth/session/refresh", nil)
	return status
}

func (c *client) request(method, path string, body object, token string) (int, object) {
	c.t.Helper()
	content := &bytes.Buffer{}
	if body != nil {
		expect(c.t, json.NewEncoder(content).Encode(body), nil)
	}
	request, err := http.NewRequest(method, c.url+path, content)
	expect(c.t, err, nil)
	request.Header.Set("content-type", "application/json")
	request.Header.Set("st-auth-mode", "header")
	if token != "" {
		request.Header.Set("authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	for header, kept := range map[string]*string{"St-Access-Token": &c.access, "St-Refresh-Token": &c.refreshToken} {
		if values, sent := response.Header[header]; sent {
			*kept = values[0]
		}
	}
	answer := object{}
	_ = json.NewDecoder(response.Body).Decode(&answer)
	return response.StatusCode, answer
}

func form(pairs ...string) object {
	fields := []object{}
	for i := 0; i < len(pairs); i += 2 {
		fields = append(fields, object{"id": pairs[i], "value": pairs[i+1]})
	}
	return object{"formFields": fields}
}

func expect(t *testing.T, actual, expected interface{}) {
	t.Helper()
	if !reflect.DeepEqual(actual, expected) {
		t.Errorf("expected %v, got %v", expected, actual)
	}
}
