# Deutsch. Was jeder Text bedeutet und was er aufnimmt, steht in en.ftl.

prompt-totp = Einmalcode:
prompt-password-and-code = Passwort und Code:
prompt-pin = PIN:
prompt-email = Code aus Ihrer E-Mail:
prompt-sms = Code aus Ihrer SMS:
prompt-radius = Passcode:
prompt-number = Mobilnummer mit Ländervorwahl:

word-yes = ja
word-resend = erneut

not-accepted = Das wurde nicht angenommen: Es ist falsch, wurde schon verwendet, oder dieses Konto ist zurzeit gesperrt. Ein Code gilt nur einmal; warten Sie auf den nächsten. Wenn es so bleibt, wenden Sie sich an Ihre Administration.
not-met = Diese Anmeldung braucht einen zweiten Faktor und hatte keinen. Melden Sie sich mit Passwort und Code an; wenn das nicht geht, wenden Sie sich an Ihre Administration.
grace =
    { $days ->
        [one] Heute ist der letzte Tag, an dem Sie sich
       *[other] Noch { $days } Tage lang können Sie sich
    } hier ohne zweiten Faktor anmelden{ $days ->
        [one] {" "}können
       *[other] {""}
    }.
    Richten Sie vorher einen ein: mfactl enroll totp
few-recovery-codes =
    { $left ->
        [0] Sie haben keine Wiederherstellungscodes mehr
        [one] Sie haben noch einen Wiederherstellungscode
       *[other] Sie haben noch { $left } Wiederherstellungscodes
    }; mit mfactl enroll recovery bekommen Sie neue.

ways = So können Sie sich anmelden:
ways-prompt = Nummer:
ways-unknown = Bitte geben Sie eine der Nummern ein.
ways-then = , dann
way-totp = ein Code von Ihrem Gerät
way-pin = Ihre PIN
way-questions = eine Sicherheitsfrage
way-email = ein Code per E-Mail
way-sms = ein Code per SMS
way-radius = ein Passcode, den ein anderer Server prüft

code-on-its-way =
    Ein Code ist unterwegs { $channel ->
        [email] an Ihre E-Mail-Adresse
       *[sms] auf Ihr Telefon
    }. Mit { word-resend } wird er noch einmal gesendet{ $other ->
        [yes] , mit ? melden Sie sich anders an
       *[no] {""}
    }.
code-not-sent =
    Der Code konnte nicht gesendet werden. Mit { word-resend } versuchen Sie es noch einmal{ $other ->
        [yes] , mit ? melden Sie sich anders an
       *[no] {""}
    }. Wenn es so bleibt, wenden Sie sich an Ihre Administration.
code-too-many =
    Ihnen wurden zu viele Codes gesendet; eine Zeit lang wird keiner mehr gesendet. Einer, der in dieser Anmeldung angekommen ist, gilt weiterhin.{ $other ->
        [yes] {" "}Mit ? melden Sie sich anders an.
       *[no] {""}
    }
code-expired = Dieser Code gilt nicht mehr. Melden Sie sich neu an, um einen neuen zu bekommen.
server-silent =
    Der Server, der Ihren Passcode prüft, antwortet zurzeit nicht.{ $other ->
        [yes] {""}
       *[no] {" "}Versuchen Sie es später noch einmal; wenn es so bleibt, wenden Sie sich an Ihre Administration.
    }

number-characters = Eine Telefonnummer besteht nur aus Ziffern, Leerzeichen und + - ( ) . /, höchstens { $longest } Zeichen.
number-no-country = Zur Telefonnummer gehört die Ländervorwahl, zum Beispiel +49 170 1234567.
number-unknown = Diese Telefonnummer gibt es nicht; schreiben Sie sie mit Ländervorwahl, zum Beispiel +49 170 1234567.
number-kind = An eine solche Nummer kann man keine SMS senden; nehmen Sie die eines Mobiltelefons.

enroll-first =
    Diese Anmeldung braucht einen zweiten Faktor.
    Sie haben noch keinen. Richten Sie jetzt einen ein:
    { $how ->
        [scan] Scannen Sie diesen Code mit einer Authenticator-App,
            oder geben Sie seinen Schlüssel ein
       *[type] Geben Sie den Schlüssel in eine Authenticator-App ein
    }.
enroll-lost =
    Der Wiederherstellungscode stimmt; er ist verbraucht.
    Richten Sie ein neues Gerät ein; es ersetzt das verlorene.
    { $how ->
        [scan] Scannen Sie diesen Code mit einer Authenticator-App,
            oder geben Sie seinen Schlüssel ein
       *[type] Geben Sie den Schlüssel in eine Authenticator-App ein
    }.
enroll-key = Schlüssel:
enroll-picture = Für einen QR-Code stattdessen, wenn dieses Terminal UTF-8 zeigt: ? eingeben.
enroll-code = Code, den die App jetzt zeigt:
enroll-wrong-code =
    Das ist nicht der Code, den die App zeigen müsste.
    Prüfen Sie, ob sie den Schlüssel richtig hat und ihre Uhr stimmt;
    geben Sie dann den nächsten ein.
enroll-recovery =
    Der Code stimmt.
    Bewahren Sie diese Wiederherstellungscodes auf: Mit jedem kommen Sie einmal
    ohne das Gerät hinein, und sie werden nicht wieder gezeigt.
enroll-stored = Geben Sie { word-yes } ein, wenn sie an einem sicheren Ort sind:
enroll-done = Das Gerät ist eingerichtet.
