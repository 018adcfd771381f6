# Français. Le sens et les variables de chaque texte sont décrits dans en.ftl.

prompt-totp = Code à usage unique :
prompt-password-and-code = Mot de passe et code :
prompt-pin = Code PIN :
prompt-email = Code reçu par e-mail :
prompt-sms = Code reçu par SMS :
prompt-radius = Code d'accès :
prompt-push = Approuvez la demande et appuyez sur Entrée, ou saisissez un code d'accès :
prompt-number = Numéro de mobile, avec l'indicatif du pays :
prompt-address = Adresse e-mail pour les codes :

word-yes = oui
word-resend = renvoyer

not-accepted = Réponse refusée : le code est incorrect ou a déjà servi, ou le compte est temporairement bloqué. Chaque code ne sert qu'une fois : attendez le suivant. Si le problème persiste, contactez votre administrateur.
not-met = Cette connexion exige un second facteur, mais aucun n'a été fourni. Connectez-vous avec votre mot de passe et votre code. Si vous ne le pouvez pas, contactez votre administrateur.
grace =
    { $days ->
        [0] C'est le dernier jour où vous pouvez vous
        [1] C'est le dernier jour où vous pouvez vous
       *[other] Pendant encore { $days } jours, vous pouvez vous
    } connecter ici sans second facteur.
    Configurez-en un d'ici là : mfactl enroll totp
few-recovery-codes =
    { $left ->
        [0] Vous n'avez plus de code de récupération
        [1] Il vous reste un code de récupération
       *[other] Il vous reste { $left } codes de récupération
    }. Pour en créer de nouveaux : mfactl enroll recovery

ways = Moyens de vous connecter :
ways-prompt = Numéro :
ways-unknown = Veuillez taper l'un de ces numéros.
ways-then = , puis
way-totp = un code de votre appareil
way-pin = votre code PIN
way-questions = une question de sécurité
way-email = un code par e-mail
way-sms = un code par SMS
way-radius = un code d'accès vérifié par un autre serveur
way-key = votre clé de sécurité

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
    }. Si le problème persiste, contactez votre administrateur.
code-too-many =
    Trop de codes vous ont été envoyés ; aucun autre ne sera envoyé pendant un moment. Un code arrivé au cours de cette connexion reste valable.{ $other ->
        [yes] {" "}Tapez ? pour vous connecter autrement.
       *[no] {""}
    }
code-expired = Ce code a expiré. Reconnectez-vous pour en recevoir un nouveau.
server-silent =
    Le serveur qui vérifie votre code d'accès ne répond pas pour le moment.{ $other ->
        [yes] {""}
       *[no] {" "}Réessayez plus tard. Si le problème persiste, contactez votre administrateur.
    }
push-sent = Une demande a été envoyée à votre téléphone. Approuvez-la sur celui-ci.
push-not-approved = Non approuvée : la demande a été refusée sur le téléphone ou le compte est temporairement verrouillé. Si vous n'avez pas lancé cette connexion, contactez votre administrateur.
push-too-many = Trop de demandes ont été envoyées à votre téléphone. Saisissez un code d'accès ou réessayez dans quelques minutes.
challenge-too-many = Le serveur qui vérifie votre code d'accès a posé trop de questions. Réessayez dans quelques minutes.
touch-key = Touchez votre clé de sécurité.
key-silent = La clé de sécurité n'a pas répondu : elle n'est pas branchée, n'a pas été touchée à temps, ou votre agent SSH n'a pas pu demander son code PIN.
key-out-of-reach = { $program ->
    [sshd] Aucune clé de sécurité configurée pour vous n'est accessible d'ici. Connectez-vous avec la clé elle-même : vérifiez que votre agent SSH la contient (ssh-add -L), ou indiquez-la (ssh -i). Si vous ne le pouvez pas, contactez votre administrateur.
    [agent] Aucune clé de sécurité configurée pour vous n'est accessible d'ici. Transférez votre agent SSH (ssh -A) et vérifiez qu'il contient la clé (ssh-add -L). Si vous ne le pouvez pas, contactez votre administrateur.
   *[none] Ce programme ne peut pas utiliser de clés de sécurité. Contactez votre administrateur.
}
key-not-accepted = Réponse refusée : la signature de la clé de sécurité n'est pas valide ou le compte est temporairement bloqué. Si le problème persiste, contactez votre administrateur.
key-not-touched = La clé de sécurité signe sans être touchée, ce qui n'est pas accepté ici. Utilisez une clé qui demande un contact, ou contactez votre administrateur.
key-not-verified = La clé de sécurité n'a demandé ni son code PIN ni votre doigt, ce qui est exigé ici. Utilisez une clé qui le fait (ssh-keygen -t ed25519-sk -O verify-required), ou contactez votre administrateur.
key-went-back = Réponse refusée : la clé de sécurité a compté moins de signatures qu'avant, elle a donc peut-être été copiée. Elle reste refusée jusqu'à ce qu'un administrateur la réactive, même si vous l'avez réinitialisée.

number-characters = Un numéro de téléphone ne peut contenir que des chiffres, des espaces et + - ( ) . /, { $longest } caractères au plus.
number-no-country = Tapez le numéro de téléphone avec l'indicatif du pays, par exemple +33 6 12 34 56 78.
number-unknown = Ce numéro de téléphone n'est pas valide. Tapez-le avec l'indicatif du pays, par exemple +33 6 12 34 56 78.
number-kind = Ce type de numéro ne peut pas recevoir de SMS. Tapez le numéro d'un téléphone mobile.
address-unknown = Cette adresse e-mail n'est pas valable. Tapez une adresse comme anna@example.org.

enroll-first =
    Cette connexion exige un second facteur.
    Vous n'en avez aucun. Configurez-en un maintenant :
    { $how ->
        [scan] scannez ce code avec une application d'authentification, ou tapez la clé
       *[type] tapez la clé dans une application d'authentification
    }.
enroll-lost =
    Code de récupération accepté. Il ne servira plus.
    Configurez un nouvel appareil, qui remplace l'appareil perdu :
    { $how ->
        [scan] scannez ce code avec une application d'authentification, ou tapez la clé
       *[type] tapez la clé dans une application d'authentification
    }.
enroll-key = Clé :
enroll-picture = Pour un code QR, tapez ? ci-dessous (ce terminal doit afficher l'UTF-8).
enroll-garbled = Si vous voyez \342\226 au lieu d'une image, tapez la clé.
enroll-code = Code affiché maintenant par l'application :
enroll-wrong-code =
    Code inattendu. Vérifiez que la clé est bien saisie
    et que les deux horloges sont à l'heure, puis tapez le code suivant.
enroll-recovery =
    Le code est correct.
    Conservez ces codes de récupération. Chacun permet une seule connexion
    sans l'appareil. Ils ne seront plus affichés.
enroll-stored = Tapez { word-yes } quand ils sont en lieu sûr :
enroll-done = L'appareil est configuré.

# Configuration pendant une connexion de ce qui n'est pas un appareil, ou d'un appareil après autre chose. $how : comme
# ci-dessus.
enroll-none =
    Cette connexion exige un second facteur.
    Vous n'en avez aucun.
enroll-device =
    Configurez un appareil :
    { $how ->
        [scan] scannez ce code avec une application d'authentification, ou tapez la clé
       *[type] tapez la clé dans une application d'authentification
    }.
enroll-pin =
    Choisissez un code PIN.
    Il sera demandé à chaque connexion.
prompt-new-pin = Nouveau code PIN ({ $least } à { $most } chiffres) :
prompt-pin-again = Répétez le code PIN :
pins-differ = Les codes PIN sont différents. Choisissez de nouveau un code PIN.
pin-digits = Un code PIN n'a que des chiffres. Choisissez un autre code PIN.
pin-length = Un code PIN a { $least } à { $most } chiffres. Choisissez un autre code PIN.
pin-run = Ce code PIN est une suite de chiffres et facile à deviner. Choisissez un autre code PIN.
pin-repeat = Ce code PIN se répète et est facile à deviner. Choisissez un autre code PIN.
pin-year = Ce code PIN est une année de ce siècle et facile à deviner. Choisissez un autre code PIN.
pin-common = Ce code PIN est très courant et facile à deviner. Choisissez un autre code PIN.
enroll-questions =
    Choisissez trois questions par leur numéro{ $own ->
        [yes] ,
            ou tapez les vôtres
       *[no] {""}
    }.
    L'une d'elles sera posée à chaque connexion.
prompt-question = Question { $number } sur 3 :
prompt-answer = Réponse { $number } (non affichée) :
prompt-answer-again = Répétez la réponse { $number } :
answers-differ = Les réponses sont différentes. Tapez de nouveau la réponse.
question-unknown =
    Cette question n'est pas dans la liste. Tapez un numéro de la liste, ou ? pour la revoir{ $own ->
        [yes] {""}
       *[no] . Les questions personnelles ne sont pas permises
    }.
question-form = Une question a au plus { $longest } octets et aucun caractère de contrôle. Choisissez une autre question.
question-twice = Vous avez déjà choisi cette question. Choisissez une autre question.
answer-short = Cette réponse est trop courte. Donnez au moins { $least } caractères, sans compter accents et espaces.
answer-is-question = Cette réponse est la question elle-même. Donnez une autre réponse.
answer-is-user = Cette réponse est votre nom d'utilisateur. Donnez une autre réponse.
answer-twice = Une autre question a la même réponse. Donnez une autre réponse.
enroll-security-key = Vous vous êtes connecté avec cette clé de sécurité. Elle peut désormais être votre second facteur :
prompt-enroll-key = Tapez { word-yes } pour la configurer :
enroll-codes =
    Conservez ces codes de récupération.
    Chacun permet une seule connexion à la place d'un code.
    Ils ne seront plus affichés.
enroll-all-done = Votre second facteur est configuré.

# Avis par e-mail ou SMS sur un changement d'un compte ([notify] dans agent.toml). Chacun peut utiliser $user, $host, $time,
# $factor, $address et $service, s'ils sont connus : $factor dans notice-enroll et notice-remove, $address et $service dans
# notice-new-network.
notice-subject = Avis de sécurité pour { $user } sur { $host }
notice-enroll = Ajout à votre compte { $user } sur { $host } : { $factor } ({ $time }).
notice-remove = Retrait de votre compte { $user } sur { $host } : { $factor } ({ $time }).
notice-locked = Trop de réponses fausses ont verrouillé votre compte { $user } sur { $host } ({ $time }).
notice-bypass = Un code de contournement a été émis pour votre compte { $user } sur { $host } ({ $time }).
notice-suspended = Le second facteur de votre compte { $user } sur { $host } a été suspendu : pour l'instant, aucun code n'est demandé ({ $time }).
notice-less-required = Un administrateur exige moins qu'avant pour la connexion à votre compte { $user } sur { $host } ({ $time }).
notice-networks = Un administrateur a modifié les réseaux depuis lesquels la connexion à votre compte { $user } sur { $host } est possible ({ $time }).
notice-self-manage = Un administrateur a modifié votre droit de gérer vous-même les facteurs de votre compte { $user } sur { $host } ({ $time }).
notice-recovery = Un code de récupération de votre compte { $user } sur { $host } a été utilisé ({ $time }).
notice-new-network = Votre compte { $user } sur { $host } a été utilisé depuis un nouveau réseau : { $service }, { $address } ({ $time }).
# Suit chacun d'eux.
notice-advice = Si vous ne vous y attendiez pas, contactez immédiatement votre administrateur.
# Les valeurs de $factor.
notice-recovery-codes = codes de récupération
notice-factor-totp = un appareil pour les codes (application d'authentification ou jeton)
notice-factor-pin = un code PIN
notice-factor-questions = des questions de sécurité
notice-factor-email = une adresse e-mail pour les codes
notice-factor-sms = un numéro de mobile pour les codes
notice-factor-radius = un authentificateur vérifié par un autre serveur
notice-factor-key = une clé de sécurité
