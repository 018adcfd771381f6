# Deutsch. Bedeutung und Variablen jedes Textes stehen in en.ftl.

prompt-totp = Einmalcode:
prompt-password-and-code = Passwort und Code:
prompt-pin = PIN:
prompt-email = Code aus Ihrer E-Mail:
prompt-sms = Code aus Ihrer SMS:
prompt-radius = Passcode:
prompt-push = Anfrage bestätigen und Enter drücken, oder Passcode eingeben:
prompt-number = Mobilnummer mit Ländervorwahl:
prompt-address = E-Mail-Adresse für Codes:

word-yes = ja
word-resend = erneut

not-accepted = Nicht akzeptiert: Der Code ist falsch oder wurde schon verwendet, oder das Konto ist vorübergehend gesperrt. Jeder Code gilt nur einmal; bitte warten Sie auf den nächsten. Wenn das Problem bleibt, wenden Sie sich an Ihre Administration.
not-met = Diese Anmeldung erfordert einen zweiten Faktor, es wurde aber keiner angegeben. Melden Sie sich mit Passwort und Code an. Wenn das nicht geht, wenden Sie sich an Ihre Administration.
grace =
    { $days ->
        [one] Heute ist der letzte Tag, an dem Sie sich
       *[other] Noch { $days } Tage lang können Sie sich
    } hier ohne zweiten Faktor anmelden{ $days ->
        [one] {" "}können
       *[other] {""}
    }.
    Richten Sie bis dahin einen ein: mfactl enroll totp
few-recovery-codes =
    { $left ->
        [0] Sie haben keine Wiederherstellungscodes mehr
        [one] Sie haben noch einen Wiederherstellungscode
       *[other] Sie haben noch { $left } Wiederherstellungscodes
    }. Neue erstellen: mfactl enroll recovery

ways = Anmeldemöglichkeiten:
ways-prompt = Nummer:
ways-unknown = Bitte geben Sie eine der Nummern ein.
ways-then = , dann
way-totp = ein Code von Ihrem Gerät
way-pin = Ihre PIN
way-questions = eine Sicherheitsfrage
way-email = ein Code per E-Mail
way-sms = ein Code per SMS
way-radius = ein Passcode, den ein anderer Server prüft
way-key = Ihr Sicherheitsschlüssel

code-on-its-way =
    Ein Code ist unterwegs { $channel ->
        [email] an Ihre E-Mail-Adresse
       *[sms] auf Ihr Telefon
    }. Mit { word-resend } wird er erneut gesendet{ $other ->
        [yes] , mit ? melden Sie sich anders an
       *[no] {""}
    }.
code-not-sent =
    Der Code konnte nicht gesendet werden. Mit { word-resend } versuchen Sie es erneut{ $other ->
        [yes] , mit ? melden Sie sich anders an
       *[no] {""}
    }. Wenn das Problem bleibt, wenden Sie sich an Ihre Administration.
code-too-many =
    Ihnen wurden zu viele Codes gesendet; vorerst wird keiner mehr gesendet. Ein Code, der während dieser Anmeldung angekommen ist, gilt weiterhin.{ $other ->
        [yes] {" "}Mit ? melden Sie sich anders an.
       *[no] {""}
    }
code-expired = Dieser Code ist abgelaufen. Melden Sie sich neu an, um einen neuen zu erhalten.
server-silent =
    Der Server, der Ihren Passcode prüft, antwortet zurzeit nicht.{ $other ->
        [yes] {""}
       *[no] {" "}Versuchen Sie es später noch einmal. Wenn das Problem bleibt, wenden Sie sich an Ihre Administration.
    }
push-sent = Eine Anfrage wurde an Ihr Telefon gesendet. Bestätigen Sie sie dort.
push-not-approved = Nicht bestätigt: Die Anfrage wurde auf dem Telefon abgelehnt, oder das Konto ist vorübergehend gesperrt. Wenn Sie diese Anmeldung nicht begonnen haben, wenden Sie sich an Ihre Administration.
push-too-many = An Ihr Telefon wurden zu viele Anfragen gesendet. Geben Sie einen Passcode ein, oder versuchen Sie es in einigen Minuten noch einmal.
challenge-too-many = Der Server, der Ihren Passcode prüft, hat zu viele Fragen gestellt. Versuchen Sie es in einigen Minuten noch einmal.
touch-key = Berühren Sie Ihren Sicherheitsschlüssel.
key-silent = Der Sicherheitsschlüssel hat nicht geantwortet: Er ist nicht eingesteckt, wurde nicht rechtzeitig berührt, oder Ihr SSH-Agent konnte nicht nach seiner PIN fragen.
key-out-of-reach = { $program ->
    [sshd] Kein Sicherheitsschlüssel, der für Sie eingerichtet ist, ist von hier aus erreichbar. Melden Sie sich mit dem Schlüssel selbst an: Prüfen Sie, ob Ihr SSH-Agent ihn hat (ssh-add -L), oder geben Sie ihn an (ssh -i). Wenn das nicht geht, wenden Sie sich an Ihre Administration.
    [agent] Kein Sicherheitsschlüssel, der für Sie eingerichtet ist, ist von hier aus erreichbar. Leiten Sie Ihren SSH-Agenten weiter (ssh -A) und prüfen Sie, ob er den Schlüssel hat (ssh-add -L). Wenn das nicht geht, wenden Sie sich an Ihre Administration.
   *[none] Dieses Programm kann keine Sicherheitsschlüssel verwenden. Wenden Sie sich an Ihre Administration.
}
key-not-accepted = Nicht akzeptiert: Die Signatur des Sicherheitsschlüssels ist nicht gültig, oder das Konto ist vorübergehend gesperrt. Wenn das Problem bleibt, wenden Sie sich an Ihre Administration.
key-not-touched = Der Sicherheitsschlüssel signiert ohne Berührung; das wird hier nicht akzeptiert. Verwenden Sie einen Schlüssel, der eine Berührung verlangt, oder wenden Sie sich an Ihre Administration.
key-not-verified = Der Sicherheitsschlüssel hat nicht nach seiner PIN oder Ihrem Finger gefragt; das ist hier vorgeschrieben. Verwenden Sie einen Schlüssel, der das tut (ssh-keygen -t ed25519-sk -O verify-required), oder wenden Sie sich an Ihre Administration.
key-went-back = Nicht akzeptiert: Der Sicherheitsschlüssel hat weniger Signaturen gezählt als zuvor, also wurde er vielleicht kopiert. Er wird erst wieder akzeptiert, wenn Ihre Administration ihn freigibt, auch wenn Sie ihn zurückgesetzt haben.

number-characters = Eine Telefonnummer darf nur Ziffern, Leerzeichen und + - ( ) . / enthalten, höchstens { $longest } Zeichen.
number-no-country = Geben Sie die Telefonnummer mit Ländervorwahl ein, zum Beispiel +49 170 1234567.
number-unknown = Diese Telefonnummer ist ungültig. Geben Sie sie mit Ländervorwahl ein, zum Beispiel +49 170 1234567.
number-kind = Diese Art von Nummer kann keine SMS empfangen. Geben Sie die Nummer eines Mobiltelefons ein.
address-unknown = Das ist keine gültige E-Mail-Adresse. Geben Sie eine Adresse wie anna@example.org ein.

enroll-first =
    Diese Anmeldung erfordert einen zweiten Faktor.
    Sie haben noch keinen. Richten Sie jetzt einen ein:
    { $how ->
        [scan] Scannen Sie diesen Code mit einer Authenticator-App,
            oder geben Sie den Schlüssel ein
       *[type] Geben Sie den Schlüssel in eine Authenticator-App ein
    }.
enroll-lost =
    Der Wiederherstellungscode ist nun verbraucht.
    Richten Sie ein neues Gerät ein; es ersetzt das verlorene:
    { $how ->
        [scan] Scannen Sie diesen Code mit einer Authenticator-App,
            oder geben Sie den Schlüssel ein
       *[type] Geben Sie den Schlüssel in eine Authenticator-App ein
    }.
enroll-key = Schlüssel:
enroll-picture = Für einen QR-Code geben Sie unten ? ein (das Terminal muss UTF-8 anzeigen).
enroll-garbled = Wenn Sie \342\226 statt eines Bildes sehen, tippen Sie den Schlüssel ab.
enroll-code = Code, den die App jetzt anzeigt:
enroll-wrong-code =
    Unerwarteter Code. Prüfen Sie, ob der Schlüssel richtig
    eingegeben ist und beide Uhren stimmen; geben Sie dann den nächsten Code ein.
enroll-recovery =
    Der Code ist richtig.
    Bewahren Sie diese Wiederherstellungscodes auf. Mit jedem können Sie sich
    einmal ohne das Gerät anmelden. Sie werden nicht noch einmal angezeigt.
enroll-stored = Geben Sie { word-yes } ein, wenn sie an einem sicheren Ort sind:
enroll-done = Das Gerät ist eingerichtet.

# Einrichtung während einer Anmeldung: kein Gerät, oder ein Gerät nach etwas anderem. $how: wie oben.
enroll-none =
    Diese Anmeldung erfordert einen zweiten Faktor.
    Sie haben noch keinen.
enroll-device =
    Richten Sie ein Gerät ein:
    { $how ->
        [scan] Scannen Sie diesen Code mit einer Authenticator-App,
            oder geben Sie den Schlüssel ein
       *[type] Geben Sie den Schlüssel in eine Authenticator-App ein
    }.
enroll-pin =
    Wählen Sie eine PIN.
    Anmeldungen fragen ab jetzt danach.
prompt-new-pin = Neue PIN ({ $least } bis { $most } Ziffern):
prompt-pin-again = PIN wiederholen:
pins-differ = Die PINs sind verschieden. Wählen Sie noch einmal eine PIN.
pin-digits = Eine PIN besteht nur aus Ziffern. Wählen Sie eine andere PIN.
pin-length = Eine PIN hat { $least } bis { $most } Ziffern. Wählen Sie eine andere PIN.
pin-run = Diese PIN ist eine Reihe von Ziffern und leicht zu erraten. Wählen Sie eine andere PIN.
pin-repeat = Diese PIN wiederholt sich und ist leicht zu erraten. Wählen Sie eine andere PIN.
pin-year = Diese PIN ist ein Jahr dieses Jahrhunderts und leicht zu erraten. Wählen Sie eine andere PIN.
pin-common = Diese PIN ist sehr häufig und leicht zu erraten. Wählen Sie eine andere PIN.
enroll-questions =
    Wählen Sie drei Fragen nach ihrer Nummer{ $own ->
        [yes] ,
            oder tippen Sie eigene
       *[no] {""}
    }.
    Anmeldungen stellen ab jetzt eine davon.
prompt-question = Frage { $number } von 3:
prompt-answer = Antwort { $number } (unsichtbar):
prompt-answer-again = Antwort { $number } wiederholen:
answers-differ = Die Antworten sind verschieden. Tippen Sie die Antwort noch einmal.
question-unknown =
    Diese Frage steht nicht in der Liste. Tippen Sie eine Nummer der Liste, oder ? für die Liste{ $own ->
        [yes] {""}
       *[no] . Eigene Fragen sind nicht erlaubt
    }.
question-form = Eine Frage hat höchstens { $longest } Bytes und keine Steuerzeichen. Wählen Sie eine andere Frage.
question-twice = Sie haben diese Frage schon gewählt. Wählen Sie eine andere Frage.
answer-short = Diese Antwort ist zu kurz. Sie braucht mindestens { $least } Zeichen, ohne Akzente und Leerzeichen.
answer-is-question = Diese Antwort ist die Frage selbst. Geben Sie eine andere Antwort.
answer-is-user = Diese Antwort ist Ihr Benutzername. Geben Sie eine andere Antwort.
answer-twice = Eine andere Frage hat dieselbe Antwort. Geben Sie eine andere Antwort.
enroll-security-key = Sie haben sich mit diesem Sicherheitsschlüssel angemeldet. Er kann ab jetzt Ihr zweiter Faktor sein:
prompt-enroll-key = Geben Sie { word-yes } ein, um ihn einzurichten:
enroll-codes =
    Bewahren Sie diese Wiederherstellungscodes auf.
    Mit jedem können Sie sich einmal statt mit einem Code anmelden.
    Sie werden nicht noch einmal angezeigt.
enroll-all-done = Ihr zweiter Faktor ist eingerichtet.

# Nachrichten per E-Mail oder SMS über eine Änderung eines Kontos ([notify] in agent.toml). Jede kann $user, $host, $time,
# $factor, $address und $service verwenden, soweit bekannt: $factor in notice-enroll und notice-remove, $address und
# $service in notice-new-network.
notice-subject = Sicherheitshinweis für { $user } auf { $host }
notice-enroll = Ihrem Konto { $user } auf { $host } wurde hinzugefügt: { $factor } ({ $time }).
notice-remove = Von Ihrem Konto { $user } auf { $host } wurde entfernt: { $factor } ({ $time }).
notice-locked = Zu viele falsche Antworten haben Ihr Konto { $user } auf { $host } gesperrt ({ $time }).
notice-bypass = Für Ihr Konto { $user } auf { $host } wurde ein Überbrückungscode ausgestellt ({ $time }).
notice-suspended = Für Ihr Konto { $user } auf { $host } wurde der zweite Faktor ausgesetzt: Bis auf Weiteres wird kein Code verlangt ({ $time }).
notice-less-required = Für Anmeldungen mit Ihrem Konto { $user } auf { $host } wird weniger verlangt als bisher; das hat ein Administrator festgelegt ({ $time }).
notice-networks = Ein Administrator hat geändert, aus welchen Netzen Anmeldungen mit Ihrem Konto { $user } auf { $host } möglich sind ({ $time }).
notice-self-manage = Ein Administrator hat geändert, ob Sie die Faktoren Ihres Kontos { $user } auf { $host } selbst verwalten können ({ $time }).
notice-recovery = Ein Wiederherstellungscode Ihres Kontos { $user } auf { $host } wurde verwendet ({ $time }).
notice-new-network = Ihr Konto { $user } auf { $host } wurde aus einem neuen Netz benutzt: { $service }, { $address } ({ $time }).
# Folgt auf jede von ihnen.
notice-advice = Wenn Sie das nicht erwartet haben, wenden Sie sich sofort an Ihren Administrator.
# Die Werte von $factor.
notice-recovery-codes = Wiederherstellungscodes
notice-factor-totp = ein Gerät für Codes (Authenticator-App oder Token)
notice-factor-pin = eine PIN
notice-factor-questions = Sicherheitsfragen
notice-factor-email = eine E-Mail-Adresse für Codes
notice-factor-sms = eine Mobilnummer für Codes
notice-factor-radius = ein Authenticator, den ein anderer Server prüft
notice-factor-key = ein Sicherheitsschlüssel
