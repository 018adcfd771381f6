# What users see when they log in. You can replace single texts with a file of your own: [prompts] catalogue_file.
# The format is Project Fluent (projectfluent.org). A comment before a text lists the variables that it can use.

# Prompts. The agent adds a blank. They must all be different: ocserv reads a repeated prompt as "try again".
prompt-totp = OTP code:
# For one answer with both. OpenVPN matches the beginning of a prompt and expects "Password".
prompt-password-and-code = Password and code:
prompt-pin = PIN:
prompt-email = Code from your e-mail:
prompt-sms = Code from your text message:
prompt-radius = Passcode:
# After a push, behind the question of the RADIUS server.
prompt-push = Approve the request and press Enter, or type a passcode:
prompt-number = Mobile number, with its country code:
prompt-address = E-mail address for codes:

# Words that users type. The English words work in every language.
word-yes = yes
word-resend = resend

not-accepted = Not accepted: the code is wrong or already used, or the account is temporarily locked. Each code works once, so wait for the next one. If this keeps happening, contact your administrator.
# In PAM's account phase, after a login without a code.
not-met = This login requires a second factor, but none was given. Log in with your password and your code. If you can't, contact your administrator.
# $days: a number.
grace =
    { $days ->
        [one] This is the last day that
       *[other] For { $days } more days
    } you can log in here without a second factor.
    Set one up before then: mfactl enroll totp
# $left: a number.
few-recovery-codes =
    { $left ->
        [0] You have no recovery codes left
        [one] You have one recovery code left
       *[other] You have { $left } recovery codes left
    }. Create new ones: mfactl enroll recovery

# The list that ? shows: a line for each way to log in, with its factors.
ways = Ways to log in:
ways-prompt = Number:
ways-unknown = Please type one of the numbers.
# Between the factors of one way.
ways-then = , then
way-totp = a code from your device
way-pin = your PIN
way-questions = a security question
way-email = a code by e-mail
way-sms = a code by text message
way-radius = a passcode checked by another server
way-key = your security key

# Codes that are sent. $channel: email or sms. $other: yes if there is another way to log in, otherwise no.
code-on-its-way =
    A code is on its way { $channel ->
        [email] to your e-mail address
       *[sms] to your phone
    }. Type { word-resend } to send it again{ $other ->
        [yes] , or ? for another way to log in
       *[no] {""}
    }.
code-not-sent =
    The code could not be sent. Type { word-resend } to try again{ $other ->
        [yes] , or ? for another way to log in
       *[no] {""}
    }. If this keeps happening, contact your administrator.
code-too-many =
    Too many codes were sent to you, so no more are sent for a while. A code that arrived during this login still works.{ $other ->
        [yes] {" "}Type ? for another way to log in.
       *[no] {""}
    }
code-expired = This code has expired. Log in again to get a new one.
# RADIUS. $other: as above.
server-silent =
    The server that checks your passcode is not responding.{ $other ->
        [yes] {""}
       *[no] {" "}Try again later. If this keeps happening, contact your administrator.
    }
# A RADIUS server asks the user on a phone.
push-sent = A request was sent to your phone. Approve it there.
push-not-approved = Not approved: the request was refused on the phone, or the account is temporarily locked. If you did not start this login, contact your administrator.
push-too-many = Too many requests were sent to your phone. Type a passcode, or try again in a few minutes.
# A RADIUS server asks back again and again.
challenge-too-many = The server that checks your passcode asked too many questions. Try again in a few minutes.
# Security keys. The first is said before the key blinks.
touch-key = Touch your security key.
key-silent = The security key did not answer: it is not plugged in, was not touched in time, or your SSH agent could not ask for its PIN.
# $program: how it could use one: sshd, agent (it reaches the SSH agent of the user) or none.
key-out-of-reach = { $program ->
    [sshd] No security key that is set up for you is in reach. Log in with the key itself: check that your SSH agent has it (ssh-add -L), or name it (ssh -i). If you can't, contact your administrator.
    [agent] No security key that is set up for you is in reach. Forward your SSH agent (ssh -A) and check that it has the key (ssh-add -L). If you can't, contact your administrator.
   *[none] This program can't use security keys. Contact your administrator.
}
key-not-accepted = Not accepted: the signature of the security key is not valid, or the account is temporarily locked. If this keeps happening, contact your administrator.
key-not-touched = The security key signs without being touched, which is not accepted here. Use a key that asks for a touch, or contact your administrator.
key-not-verified = The security key did not ask for its PIN or your finger, which is required here. Use a key that does (ssh-keygen -t ed25519-sk -O verify-required), or contact your administrator.
key-went-back = Not accepted: the security key has counted fewer signatures than before, so it may have been copied. It is not accepted before an administrator enables it again, also if you have reset it.

# Why a telephone number is refused. $longest: a number.
number-characters = A telephone number can contain only digits, spaces and + - ( ) . / and at most { $longest } characters.
number-no-country = Type the telephone number with its country code, such as +49 170 1234567.
number-unknown = This is not a valid telephone number. Type it with its country code, such as +49 170 1234567.
number-kind = This kind of number can't receive text messages. Type the number of a mobile phone.
address-unknown = This is not a valid e-mail address. Type an address such as anna@example.org.

# Enrolment of a device during a login. $how: scan if a QR code is shown, otherwise type.
enroll-first =
    This login requires a second factor, but you have none.
    Set one up now: { $how ->
        [scan] scan this code with an authenticator app, or type the key
       *[type] type the key into an authenticator app
    }.
# After a recovery code. $how: as above.
enroll-lost =
    Recovery code accepted. It can't be used again.
    Set up a new device, which replaces the lost one:
    { $how ->
        [scan] scan this code with an authenticator app, or type the key
       *[type] type the key into an authenticator app
    }.
# The key follows.
enroll-key = Key:
# Over ssh, where the QR code is shown on request only.
enroll-picture = For a QR code, type ? below (this terminal must show UTF-8).
# After the QR code and the key, over ssh: the client shows bytes that its locale does not have in octal.
enroll-garbled = If you see \342\226 instead of a picture, type the key.
# A prompt.
enroll-code = Code that the app shows now:
enroll-wrong-code =
    Unexpected code. Check that the key was entered
    correctly and that both clocks are right, then type the next code.
# The codes follow.
enroll-recovery =
    The code is correct. Keep these recovery codes.
    Each lets you log in once without the device. They are not shown again.
# A prompt.
enroll-stored = Type { word-yes } when they are in a safe place:
# After device and recovery codes are stored.
enroll-done = The device is set up.

# Enrolment during a login of what is no device, or of a device after something else. $how: as above.
enroll-none = This login requires a second factor, but you have none.
enroll-device =
    Set up a device:
    { $how ->
        [scan] scan this code with an authenticator app, or type the key
       *[type] type the key into an authenticator app
    }.
enroll-pin = Choose a PIN. Logins ask for it from now on.
# Prompts for it, and why a PIN is refused. $least and $most: numbers of digits.
prompt-new-pin = New PIN ({ $least } to { $most } digits):
prompt-pin-again = Repeat the PIN:
pins-differ = The PINs differ. Choose a PIN again.
pin-digits = A PIN has digits only. Choose another PIN.
pin-length = A PIN has { $least } to { $most } digits. Choose another PIN.
pin-run = This PIN is a run of digits and easy to guess. Choose another PIN.
pin-repeat = This PIN repeats itself and is easy to guess. Choose another PIN.
pin-year = This PIN is a year of this century and easy to guess. Choose another PIN.
pin-common = This PIN is very common and easy to guess. Choose another PIN.
# The list of questions follows. $own: yes if users may write their own questions, otherwise no.
enroll-questions =
    Choose three questions by number{ $own ->
        [yes] , or type your own
       *[no] {""}
    }.
    Logins ask one of them from now on.
# Prompts. $number: which of the three.
prompt-question = Question { $number } of 3:
prompt-answer = Answer { $number } (not shown):
prompt-answer-again = Repeat answer { $number }:
answers-differ = The answers differ. Type the answer again.
# Why a question or an answer is refused. $own: as above. $longest and $least: numbers.
question-unknown =
    This is not a question of the list. Type a number of the list, or ? to see it again{ $own ->
        [yes] {""}
       *[no] . Your own questions are not allowed
    }.
question-form = A question has at most { $longest } bytes and no control characters. Choose another question.
question-twice = You already chose this question. Choose another question.
answer-short = This answer is too short. Give at least { $least } characters, not counting accents and blanks.
answer-is-question = This answer is the question itself. Give another answer.
answer-is-user = This answer is your user name. Give another answer.
answer-twice = Another question has the same answer. Give another answer.
# A security key that sshd has just verified; it follows. Then a prompt.
enroll-security-key = You logged in with this security key. It can be your second factor from now on:
prompt-enroll-key = Type { word-yes } to set it up:
# The codes follow.
enroll-codes =
    Keep these recovery codes.
    Each lets you log in once instead of a code. They are not shown again.
# After all is stored.
enroll-all-done = Your second factor is set up.

# Notices: messages by e-mail or text message about a change of an account ([notify] in agent.toml). Each can use $user,
# $host, $time, $factor, $address and $service, where they are known: $factor in notice-enroll and notice-remove, $address
# and $service in notice-new-network.
notice-subject = Security notice for { $user } on { $host }
notice-enroll = Added to your account { $user } on { $host }: { $factor } ({ $time }).
notice-remove = Removed from your account { $user } on { $host }: { $factor } ({ $time }).
notice-locked = Too many wrong answers have locked your account { $user } on { $host } ({ $time }).
notice-bypass = An administrator issued a bypass code for your account { $user } on { $host } ({ $time }).
notice-suspended = An administrator has suspended the second factor of your account { $user } on { $host }: for now, logins need no code ({ $time }).
notice-less-required = An administrator requires less than before when you log in to your account { $user } on { $host } ({ $time }).
notice-networks = An administrator has changed the networks that your account { $user } on { $host } can log in from ({ $time }).
notice-self-manage = An administrator has changed whether you can manage the factors of your account { $user } on { $host } yourself ({ $time }).
notice-recovery = A recovery code was used for your account { $user } on { $host } ({ $time }).
notice-new-network = Your account { $user } on { $host } was used from a new network: { $service }, { $address } ({ $time }).
# Comes after each of them.
notice-advice = If you did not expect this, contact your administrator at once.
# The values of $factor.
notice-recovery-codes = recovery codes
notice-factor-totp = a device for codes (authenticator app or token)
notice-factor-pin = a PIN
notice-factor-questions = security questions
notice-factor-email = an e-mail address for codes
notice-factor-sms = a mobile number for codes
notice-factor-radius = an authenticator that another server checks
notice-factor-key = a security key
