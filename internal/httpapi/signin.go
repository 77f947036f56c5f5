package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"guardhouse/internal/access"
	"guardhouse/internal/audit"
	"guardhouse/internal/auth"
	"guardhouse/internal/fault"
	"guardhouse/internal/httpapi/gen"
	"guardhouse/internal/httpapi/wire"
)

// GetSetup answers whether there is an admin yet, and what a person compares before typing a password.
func (s *Server) GetSetup(ctx context.Context, _ gen.GetSetupRequestObject) (gen.GetSetupResponseObject, error) {
	state := gen.SetupState{Required: s.deps.Auth.SetupRequired(requestContext(ctx)), ServerName: s.o.ServerName}
	if sum := s.o.CertificateSHA256(); sum != "" {
		state.CertificateSha256 = &sum
	}
	return gen.GetSetup200JSONResponse(state), nil
}

// CompleteSetup makes the first admin and signs him in.
func (s *Server) CompleteSetup(ctx context.Context, r gen.CompleteSetupRequestObject) (gen.CompleteSetupResponseObject, error) {
	in, err := s.deps.Auth.FinishSetup(requestContext(ctx), exchangeOf(ctx).origin, auth.Setup{
		Token: r.Body.Token, Username: r.Body.Username, Password: r.Body.Password, Browser: browser(ctx),
	})
	if err != nil {
		return nil, err
	}
	a, u := s.signedIn(ctx, in), userDTO(in.User)
	done := gen.SetupDone{
		ID: u.ID, Username: u.Username, DisplayName: u.DisplayName, Role: u.Role, Kind: u.Kind, Language: u.Language,
		Status: u.Status, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, LastLoginAt: u.LastLoginAt, Mfa: u.Mfa, Version: u.Version,
		ExpiresIn: a.ExpiresIn, AccessToken: a.AccessToken, RefreshToken: a.RefreshToken,
	}
	if a.TokenType != nil {
		kind := gen.SetupDoneTokenType(*a.TokenType)
		done.TokenType = &kind
	}
	return gen.CompleteSetup201JSONResponse(done), nil
}

// Login signs in.
func (s *Server) Login(ctx context.Context, r gen.LoginRequestObject) (gen.LoginResponseObject, error) {
	a, err := s.login(ctx, *r.Body)
	if err != nil {
		return nil, err
	}
	return gen.Login200JSONResponse(a), nil
}

// LoginAlias is Login with the older names beside the new ones.
func (s *Server) LoginAlias(ctx context.Context, r gen.LoginAliasRequestObject) (gen.LoginAliasResponseObject, error) {
	a, err := s.login(ctx, *r.Body)
	if err != nil {
		return nil, err
	}
	out := gen.SignInAlias{
		User: a.User, ExpiresIn: a.ExpiresIn, AccessToken: a.AccessToken, RefreshToken: a.RefreshToken,
		Token: a.AccessToken, Role: a.User.Role, Username: a.User.Username,
	}
	if a.TokenType != nil {
		kind := gen.SignInAliasTokenType(*a.TokenType)
		out.TokenType = &kind
	}
	return gen.LoginAlias200JSONResponse(out), nil
}

func (s *Server) login(ctx context.Context, r gen.LoginRequest) (gen.SignIn, error) {
	if r.Otp != nil {
		return gen.SignIn{}, fault.New(fault.Invalid, "Second factors are not available yet.").WithField("otp")
	}
	in, err := s.deps.Auth.Login(requestContext(ctx), exchangeOf(ctx).origin, auth.LoginRequest{
		Username: r.Username, Password: r.Password, DeviceToken: s.deviceToken(ctx), Browser: browser(ctx),
	})
	if err != nil {
		return gen.SignIn{}, throttled(ctx, err)
	}
	return s.signedIn(ctx, in), nil
}

// signInTries is how many wrong passwords cost no wait.
const signInTries = 5

// throttled says in the headers of the draft standard what Retry-After will say, where err is that somebody has to wait. The
// policy has no window: each further wrong try waits twice as long as the one before.
func throttled(ctx context.Context, err error) error {
	f := fault.From(err)
	if c, ok := ctx.(*gin.Context); ok && f.Code == fault.RateLimited {
		c.Header("RateLimit-Policy", fmt.Sprintf(`"sign-in";q=%d`, signInTries))
		c.Header("RateLimit", `"sign-in";r=0;t=`+retryAfter(f))
	}
	return err
}

// Refresh renews a program's tokens by its refresh token, or a browser's session by its cookie.
func (s *Server) Refresh(ctx context.Context, r gen.RefreshRequestObject) (gen.RefreshResponseObject, error) {
	var in auth.SignIn
	var err error
	if r.Body != nil && r.Body.RefreshToken != nil {
		in, err = s.deps.Auth.RefreshProgram(requestContext(ctx), exchangeOf(ctx).origin, *r.Body.RefreshToken)
	} else {
		in, err = s.refreshBrowser(ctx)
	}
	if err != nil {
		return nil, err
	}
	return gen.Refresh200JSONResponse(s.signedIn(ctx, in)), nil
}

func (s *Server) refreshBrowser(ctx context.Context) (auth.SignIn, error) {
	c, ok := ctx.(*gin.Context)
	if !ok {
		return auth.SignIn{}, fault.New(fault.Unauthenticated, "Sign in first, or send a valid key or token.")
	}
	x := exchangeOf(ctx)
	p, err := s.deps.Auth.Authenticate(requestContext(ctx), s.credential(c.Request), x.origin)
	if fault.CodeOf(err) == fault.Unauthenticated {
		err = s.recorded(c, access.Anonymous(x.origin), refusal{access.AuthRefresh, audit.Deny, "unauthenticated", err})
	}
	if err != nil {
		return auth.SignIn{}, err
	}
	return s.deps.Auth.RefreshBrowser(requestContext(ctx), p)
}

// Logout ends the session that asked.
func (s *Server) Logout(ctx context.Context, _ gen.LogoutRequestObject) (gen.LogoutResponseObject, error) {
	if err := s.deps.Auth.Logout(requestContext(ctx), exchangeOf(ctx).principal); err != nil {
		return nil, err
	}
	s.setCookie(ctx, "")
	return gen.Logout204Response{}, nil
}

// GetMe answers who asks and what he may do.
func (s *Server) GetMe(ctx context.Context, _ gen.GetMeRequestObject) (gen.GetMeResponseObject, error) {
	p := exchangeOf(ctx).principal
	u, err := s.deps.Auth.Me(requestContext(ctx), p)
	if err != nil {
		return nil, err
	}
	ask, err := s.deps.Auth.Helpers(requestContext(ctx), p)
	if err != nil {
		return nil, err
	}
	me := gen.Me{
		User: userDTO(u), Actions: []string{}, KeyID: orNil(p.KeyID), SessionID: orNil(p.SessionID), Ask: ask, Tiers: access.Tiers(),
	}
	if until := s.deps.Auth.ConfirmedUntil(p); !until.IsZero() {
		me.ConfirmedUntil = wire.Maybe(&until)
	}
	for _, a := range s.deps.Guard.Actions(p) {
		me.Actions = append(me.Actions, string(a))
	}
	return gen.GetMe200JSONResponse(me), nil
}

// signedIn sets the cookie if there is one and answers the body. A browser never sees a token (threat A8).
func (s *Server) signedIn(ctx context.Context, in auth.SignIn) gen.SignIn {
	a := gen.SignIn{User: userDTO(in.User), ExpiresIn: int(in.ExpiresIn.Seconds())}
	if in.CookieToken != "" {
		s.setCookie(ctx, in.CookieToken)
	}
	s.setDevice(ctx, in.DeviceToken)
	if browser(ctx) || in.AccessToken == "" {
		return a
	}
	kind := gen.SignInTokenTypeBearer
	a.AccessToken, a.TokenType, a.RefreshToken = &in.AccessToken, &kind, &in.RefreshToken
	return a
}

func browser(ctx context.Context) bool {
	c, ok := ctx.(*gin.Context)
	return ok && isBrowser(c.Request)
}

func orNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

var (
	_ http.Handler              = (*Server)(nil)
	_ gen.StrictServerInterface = (*Server)(nil)
)
