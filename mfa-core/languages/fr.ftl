# Français. Le sens de chaque texte et ce qu'il reçoit sont décrits dans en.ftl.

prompt-totp = Code à usage unique :
prompt-password-and-code = Mot de passe et code :
prompt-pin = Code PIN :
prompt-email = Code reçu par e-mail :
prompt-sms = Code reçu par SMS :
prompt-radius = Code d'accès :
prompt-number = Numéro de mobile, avec l'indicatif du pays :

word-yes = oui
word-resend = renvoyer

not-accepted = Réponse refusée : elle est fausse, a déjà servi, ou ce compte est bloqué pour le moment. Un code ne sert qu'une fois ; attendez le suivant. Si cela persiste, adressez-vous à votre administrateur.
not-met = Cette connexion exige un second facteur et n'en a présenté aucun. Connectez-vous avec votre mot de passe et votre code ; si vous ne le pouvez pas, adressez-vous à votre administrateur.
grace =
    { $days ->
        [0] C'est le dernier jour où vous pouvez vous
        [1] C'est le dernier jour où vous pouvez vous
       *[other] Pendant encore { $days } jours, vous pouvez vous
    } connecter ici sans second facteur.
    Configurez-en un avant : mfactl enroll totp
few-recovery-codes =
    { $left ->
        [0] Vous n'avez plus de code de récupération
        [1] Il vous reste un code de récupération
       *[other] Il vous reste { $left } codes de récupération
    } ; mfactl enroll recovery en crée de nouveaux.

ways = Moyens de vous connecter :
ways-prompt = Numéro :
ways-unknown = Veuillez taper l'un des numéros.
ways-then = , puis
way-totp = un code de votre appareil
way-pin = votre code PIN
way-questions = une question de sécurité
way-email = un code par e-mail
way-sms = un code par SMS
way-radius = un code d'accès vérifié par un autre serveur

code-on-its-way =
    Un code a été envoyé { $channel ->
        [email] à votre adresse e-mail
       *[sms] sur votre téléphone
    }. Tapez { word-resend } pour le recevoir à nouveau{ $other ->
        [yes] , ou ? pour vous connecter autrement
       *[no] {""}
    }.
code-not-sent =
    Le code n'a pas pu être envoyé. Tapez { word-resend } pour réessayer{ $other ->
        [yes] , ou ? pour vous connecter autrement
       *[no] {""}
    }. Si cela persiste, prévenez votre administrateur.
code-too-many =
    Trop de codes vous ont été envoyés ; aucun autre ne le sera pendant un moment. Un code arrivé au cours de cette connexion reste valable.{ $other ->
        [yes] {" "}Tapez ? pour vous connecter autrement.
       *[no] {""}
    }
code-expired = Ce code n'est plus valable. Reconnectez-vous pour en recevoir un nouveau.
server-silent =
    Le serveur qui vérifie votre code d'accès ne répond pas pour le moment.{ $other ->
        [yes] {""}
       *[no] {" "}Réessayez plus tard ; si cela persiste, prévenez votre administrateur.
    }

number-characters = Un numéro de téléphone ne contient que des chiffres, des espaces et + - ( ) . /, { $longest } caractères au plus.
number-no-country = Le numéro de téléphone doit comporter l'indicatif du pays, par exemple +33 6 12 34 56 78.
number-unknown = Ce numéro de téléphone n'existe pas ; écrivez-le avec l'indicatif du pays, par exemple +33 6 12 34 56 78.
number-kind = On ne peut pas envoyer de SMS à ce type de numéro ; prenez celui d'un téléphone mobile.

enroll-first =
    Cette connexion exige un second facteur.
    Vous n'en avez aucun. Configurez-en un maintenant :
    { $how ->
        [scan] scannez ce code avec une application d'authentification, ou tapez sa clé
       *[type] tapez la clé dans une application d'authentification
    }.
enroll-lost =
    Ce code de récupération est juste ; il est consommé.
    Configurez un nouvel appareil, qui remplace celui que vous avez perdu :
    { $how ->
        [scan] scannez ce code avec une application d'authentification, ou tapez sa clé
       *[type] tapez la clé dans une application d'authentification
    }.
enroll-key = Clé :
enroll-picture = Pour un code QR, si ce terminal affiche UTF-8, tapez ?
enroll-code = Code affiché maintenant par l'application :
enroll-wrong-code =
    Ce n'est pas le code que l'application doit afficher.
    Vérifiez qu'elle a bien reçu la clé et que son horloge est juste ;
    tapez le suivant.
enroll-recovery =
    Le code est juste.
    Conservez ces codes de récupération : chacun permet une connexion
    sans l'appareil, et ils ne seront plus affichés.
enroll-stored = Tapez { word-yes } quand ils sont en lieu sûr :
enroll-done = L'appareil est configuré.
