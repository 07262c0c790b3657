"""What can be wrong with who you are."""

from truestyle.kit.errors import Problem

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="truestyle"'}


class Unauthenticated(Problem):
    """Base of the 401s: each carries the challenge."""

    status, code, detail = 401, "token_invalid", "Sign in to do this."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers=CHALLENGE)


class InvalidCredentials(Unauthenticated):
    """E-mail and password do not belong together."""

    code, detail = "invalid_credentials", "E-mail or password is wrong."


class TokenInvalid(Unauthenticated):
    """Not a token of ours, or none."""

    code, detail = "token_invalid", "This needs a valid access token."


class TokenExpired(Unauthenticated):
    """Its time is over."""

    code, detail = "token_expired", "The token has expired."


class TokenRevoked(Unauthenticated):
    """It was ended before its time."""

    code, detail = "token_revoked", "The session has ended."


class RefreshReused(Unauthenticated):
    """A refresh token was used twice: the whole session ends."""

    code, detail = "refresh_reused", "This refresh token was used before. The session has been ended."


class MfaInvalid(Unauthenticated):
    """Not a code of this account that is good now, or one that was used."""

    code, detail = "mfa_invalid", "This code is not right, or was used before."


class MfaSetupRequired(Problem):
    """The store wants a second factor of administrators, and this one has none yet."""

    status, code = 403, "mfa_setup_required"
    detail = "Administrators of this store must switch MFA on first: POST /auth/mfa/setup."


class StepUpRequired(Problem):
    """Whoever has a second factor shows it again for this."""

    status, code, detail = 403, "step_up_required", "This needs a fresh code: POST /auth/step-up, then try again."


class AccountSuspended(Problem):
    """The right password of an account that may not be used."""

    status, code, detail = 403, "account_suspended", "This account is suspended."


class AccountLocked(Problem):
    """Too many wrong passwords, whether or not there is such an account; or too many wrong codes."""

    status, code, detail = 423, "account_locked", "Too many wrong passwords. Try again later, or reset the password."

    def __init__(self, seconds: int, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Retry-After": str(seconds)})


class EmailNotVerified(Problem):
    """An address that was never confirmed, where that is required: to review, and by setting to sign in."""

    status, code, detail = 403, "email_not_verified", "Confirm your e-mail address first. We can send the mail again."


class OtpInvalid(Problem):
    """A wrong code, one that was used, tried too often, or never was."""

    status, code, detail = 400, "otp_invalid", "This code is not right, or was used before."


class OtpExpired(Problem):
    """The right code, too late."""

    status, code, detail = 400, "otp_expired", "This code has expired. Ask for a new one."


class OAuthStateInvalid(Problem):
    """A sign-in with Google that this browser did not begin, was finished before, took too long, or shows nobody."""

    status, code, detail = 400, "oauth_state_invalid", "This sign-in cannot be finished. Please begin it again."


class NotLinked(Problem):
    """Google vouches for an address whose account here nobody confirmed: whoever opened it may be somebody else."""

    status, code = 409, "duplicate"
    detail = "There is an account with this e-mail. Confirm its address, or set a new password by mail, and try again."

    def __init__(self) -> None:
        super().__init__(field="email")


class CrossSite(Problem):
    """A cookie route called from another site."""

    status, code, detail = 403, "csrf", "This request came from another site."


class WeakPassword(Problem):
    """A password that would be guessed."""

    status, code = 422, "weak_password"
    detail = "Choose a longer or less common password (8 to 128 characters, and not your e-mail)."
