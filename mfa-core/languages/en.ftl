# What users see in a login. A file of your own ([prompts] catalogue_file) may replace single texts; the form is
# that of Project Fluent (projectfluent.org). Where a text takes something in, the line before it says so.

# Prompts. A blank follows each; ocserv needs them all different.
prompt-totp = OTP code:
# Where one answer holds both. Programs that go by how a prompt begins (OpenVPN) know "Password".
prompt-password-and-code = Password and code:
prompt-pin = PIN:
prompt-email = Code from your e-mail:
prompt-sms = Code from your text message:
prompt-radius = Passcode:
prompt-number = Mobile number, with its country code:

# What is typed. The English words are taken as well.
word-yes = yes
word-resend = resend

not-accepted = That was not accepted: it is wrong, was used before, or this account is locked for now. A code works once; wait for the next one. If it goes on, ask your administrator.
# The account phase, after a login without a code.
not-met = This login needs a second factor and had none. Log in with your password and your code; if you can't, tell your administrator.
# $days: a number.
grace =
    { $days ->
        [one] This is the last day that
       *[other] For { $days } more days
    } you can log in here without a second factor.
    Set one up before: mfactl enroll totp
# $left: a number.
few-recovery-codes =
    { $left ->
        [0] You have no recovery codes left
        [one] You have one recovery code left
       *[other] You have { $left } recovery codes left
    }; mfactl enroll recovery makes new ones.

# Another way, after a question mark: a line for each, with its factors.
ways = Ways to log in:
ways-prompt = Number:
ways-unknown = Please type one of the numbers.
# Stands between the factors of one way.
ways-then = , then
way-totp = a code from your device
way-pin = your PIN
way-questions = a security question
way-email = a code by e-mail
way-sms = a code by text message
way-radius = a passcode that another server checks

# Codes that are sent. $channel: email or sms. $other: yes where there is another way, or no.
code-on-its-way =
    A code is on its way { $channel ->
        [email] to your e-mail address
       *[sms] to your phone
    }. Type { word-resend } to have it sent again{ $other ->
        [yes] , or ? for another way to log in
       *[no] {""}
    }.
code-not-sent =
    The code could not be sent now. Type { word-resend } to try again{ $other ->
        [yes] , or ? for another way to log in
       *[no] {""}
    }. If it goes on, tell your administrator.
code-too-many =
    Too many codes were sent to you, so none is sent for a while. One that has arrived in this login is still good.{ $other ->
        [yes] {" "}Type ? for another way to log in.
       *[no] {""}
    }
code-expired = This code is no longer valid. Log in again for a new one.
# RADIUS. $other: as above.
server-silent =
    The server that checks your passcode does not answer now.{ $other ->
        [yes] {""}
       *[no] {" "}Try again later; if it goes on, tell your administrator.
    }

# What is wrong with a number. $longest: a number.
number-characters = A telephone number has digits, spaces and + - ( ) . / only, { $longest } at most.
number-no-country = The telephone number needs its country code, such as +49 170 1234567.
number-unknown = There is no such telephone number; write it with its country code, such as +49 170 1234567.
number-kind = Text messages can't be sent to this kind of number; take one of a mobile phone.

# A device that is set up in a login. $how: scan where there is a picture, or type.
enroll-first =
    This login needs a second factor, and you have none.
    Set one up now: { $how ->
        [scan] scan this code with an authenticator app, or type its key
       *[type] type the key into an authenticator app
    }.
# After a recovery code. $how: as above.
enroll-lost =
    That recovery code was right; it is used up now.
    Set up a new device, which takes the place of the lost one:
    { $how ->
        [scan] scan this code with an authenticator app, or type its key
       *[type] type the key into an authenticator app
    }.
# The key follows.
enroll-key = Key:
# Over ssh, where the QR code is shown to whoever asks for it.
enroll-picture = For a QR code instead, if this terminal shows UTF-8, type ? below.
# A prompt.
enroll-code = Code that the app shows now:
enroll-wrong-code =
    That is not the code that the app should show now.
    Check that it took over the key and that its clock is right; type the next one.
# The codes follow.
enroll-recovery =
    The code is right. Keep these recovery codes:
    each lets you in once without the device, and they are not shown again.
# A prompt.
enroll-stored = Type { word-yes } when they are in a safe place:
# Once device and codes are stored.
enroll-done = The device is set up.
