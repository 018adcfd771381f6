# Español. El significado y las variables de cada texto se explican en en.ftl.

prompt-totp = Código de un solo uso:
prompt-password-and-code = Contraseña y código:
prompt-pin = PIN:
prompt-email = Código de su correo electrónico:
prompt-sms = Código de su mensaje de texto:
prompt-radius = Código de acceso:
prompt-push = Apruebe la solicitud y pulse Intro, o escriba un código de acceso:
prompt-number = Número de móvil, con el prefijo del país:
prompt-address = Dirección de correo electrónico para los códigos:

word-yes = sí
word-resend = reenviar

not-accepted = No se ha aceptado: el código es incorrecto o ya se ha usado, o la cuenta está bloqueada temporalmente. Cada código sirve una sola vez, así que espere al siguiente. Si el problema continúa, póngase en contacto con su administrador.
not-met = Este inicio de sesión requiere un segundo factor, pero no se ha indicado ninguno. Inicie sesión con su contraseña y su código. Si no puede, póngase en contacto con su administrador.
grace =
    { $days ->
        [one] Este es el último día en que puede
       *[other] Durante { $days } días más puede
    } iniciar sesión aquí sin un segundo factor.
    Configure uno antes de que acabe el plazo: mfactl enroll totp
few-recovery-codes =
    { $left ->
        [0] No le quedan códigos de recuperación
        [one] Le queda un código de recuperación
       *[other] Le quedan { $left } códigos de recuperación
    }. Para crear otros nuevos: mfactl enroll recovery

ways = Formas de iniciar sesión:
ways-prompt = Número:
ways-unknown = Por favor, escriba uno de los números.
ways-then = , después
way-totp = un código de su dispositivo
way-pin = su PIN
way-questions = una pregunta de seguridad
way-email = un código por correo electrónico
way-sms = un código por mensaje de texto
way-radius = un código de acceso que comprueba otro servidor
way-key = su llave de seguridad

code-on-its-way =
    Se ha enviado un código { $channel ->
        [email] a su correo electrónico
       *[sms] a su teléfono
    }. Escriba { word-resend } para recibirlo otra vez{ $other ->
        [yes] , o ? para iniciar sesión de otra forma
       *[no] {""}
    }.
code-not-sent =
    No se ha podido enviar el código. Escriba { word-resend } para intentarlo otra vez{ $other ->
        [yes] , o ? para iniciar sesión de otra forma
       *[no] {""}
    }. Si el problema continúa, póngase en contacto con su administrador.
code-too-many =
    Se le han enviado demasiados códigos; durante un tiempo no se enviará ninguno más. Un código que haya llegado durante este inicio de sesión sigue siendo válido.{ $other ->
        [yes] {" "}Escriba ? para iniciar sesión de otra forma.
       *[no] {""}
    }
code-expired = Este código ha caducado. Vuelva a iniciar sesión para recibir otro.
server-silent =
    El servidor que comprueba su código de acceso no responde ahora.{ $other ->
        [yes] {""}
       *[no] {" "}Inténtelo más tarde. Si el problema continúa, póngase en contacto con su administrador.
    }
push-sent = Se ha enviado una solicitud a su teléfono. Apruébela allí.
push-not-approved = No aprobada: la solicitud se rechazó en el teléfono o la cuenta está bloqueada temporalmente. Si usted no inició esta sesión, póngase en contacto con su administrador.
push-too-many = Se han enviado demasiadas solicitudes a su teléfono. Escriba un código de acceso o inténtelo de nuevo dentro de unos minutos.
challenge-too-many = El servidor que comprueba su código de acceso ha hecho demasiadas preguntas. Inténtelo de nuevo dentro de unos minutos.
touch-key = Toque su llave de seguridad.
key-silent = La llave de seguridad no ha respondido: no está conectada, no se tocó a tiempo o su agente SSH no ha podido pedir su PIN.
key-out-of-reach = { $program ->
    [sshd] Desde aquí no se puede acceder a ninguna llave de seguridad configurada para usted. Inicie sesión con la propia llave: compruebe que su agente SSH la tiene (ssh-add -L), o indíquela (ssh -i). Si no puede, póngase en contacto con su administrador.
    [agent] Desde aquí no se puede acceder a ninguna llave de seguridad configurada para usted. Reenvíe su agente SSH (ssh -A) y compruebe que tiene la llave (ssh-add -L). Si no puede, póngase en contacto con su administrador.
   *[none] Este programa no puede usar llaves de seguridad. Póngase en contacto con su administrador.
}
key-not-accepted = No se ha aceptado: la firma de la llave de seguridad no es válida o la cuenta está bloqueada temporalmente. Si el problema continúa, póngase en contacto con su administrador.
key-not-touched = La llave de seguridad firma sin que se la toque, y eso no se acepta aquí. Use una llave que pida que la toquen o póngase en contacto con su administrador.
key-not-verified = La llave de seguridad no ha pedido su PIN ni su huella, y aquí es obligatorio. Use una llave que lo haga (ssh-keygen -t ed25519-sk -O verify-required) o póngase en contacto con su administrador.
key-went-back = No se ha aceptado: la llave de seguridad ha contado menos firmas que antes, así que es posible que la hayan copiado. No se aceptará hasta que un administrador la vuelva a habilitar, también si usted la ha restablecido.

number-characters = Un número de teléfono solo puede contener cifras, espacios y + - ( ) . /, { $longest } caracteres como máximo.
number-no-country = Escriba el número de teléfono con el prefijo del país, por ejemplo +34 612 345 678.
number-unknown = Ese número de teléfono no es válido. Escríbalo con el prefijo del país, por ejemplo +34 612 345 678.
number-kind = Ese tipo de número no puede recibir mensajes de texto. Escriba el número de un teléfono móvil.
address-unknown = Esta dirección de correo electrónico no es válida. Escriba una dirección como anna@example.org.

enroll-first =
    Este inicio de sesión requiere un segundo factor.
    Usted no tiene ninguno. Configure uno ahora:
    { $how ->
        [scan] escanee este código con una aplicación de autenticación, o escriba la clave
       *[type] escriba la clave en una aplicación de autenticación
    }.
enroll-lost =
    Código de recuperación aceptado. Ya no sirve más.
    Configure un dispositivo nuevo, que sustituye al perdido:
    { $how ->
        [scan] escanee este código con una aplicación de autenticación, o escriba la clave
       *[type] escriba la clave en una aplicación de autenticación
    }.
enroll-key = Clave:
enroll-picture = Para ver un código QR, escriba ? abajo (este terminal debe mostrar UTF-8).
enroll-garbled = Si ve \342\226 en lugar de una imagen, escriba la clave.
enroll-code = Código que la aplicación muestra ahora:
enroll-wrong-code =
    Código inesperado. Compruebe que la clave se introdujo
    bien y que ambos relojes están en hora; después escriba el código siguiente.
enroll-recovery =
    El código es correcto.
    Guarde estos códigos de recuperación. Cada uno permite iniciar sesión una vez
    sin el dispositivo. No se volverán a mostrar.
enroll-stored = Escriba { word-yes } cuando estén en un lugar seguro:
enroll-done = El dispositivo está configurado.

# Configuración durante un inicio de sesión de lo que no es un dispositivo, o de un dispositivo después de otra cosa. $how:
# como arriba.
enroll-none =
    Este inicio de sesión requiere un segundo factor.
    Usted no tiene ninguno.
enroll-device =
    Configure un dispositivo:
    { $how ->
        [scan] escanee este código con una aplicación de autenticación, o escriba la clave
       *[type] escriba la clave en una aplicación de autenticación
    }.
enroll-pin =
    Elija un PIN.
    Desde ahora se le pedirá al iniciar sesión.
prompt-new-pin = PIN nuevo (de { $least } a { $most } cifras):
prompt-pin-again = Repita el PIN:
pins-differ = Los PIN son distintos. Elija un PIN otra vez.
pin-digits = Un PIN solo tiene cifras. Elija otro PIN.
pin-length = Un PIN tiene de { $least } a { $most } cifras. Elija otro PIN.
pin-run = Este PIN es una serie de cifras y fácil de adivinar. Elija otro PIN.
pin-repeat = Este PIN se repite y es fácil de adivinar. Elija otro PIN.
pin-year = Este PIN es un año de este siglo y fácil de adivinar. Elija otro PIN.
pin-common = Este PIN es muy común y fácil de adivinar. Elija otro PIN.
enroll-questions =
    Elija tres preguntas por su número{ $own ->
        [yes] {" "}o escriba las suyas
       *[no] {""}
    }.
    Desde ahora se le hará una de ellas al iniciar sesión.
prompt-question = Pregunta { $number } de 3:
prompt-answer = Respuesta { $number } (no se muestra):
prompt-answer-again = Repita la respuesta { $number }:
answers-differ = Las respuestas son distintas. Escriba la respuesta otra vez.
question-unknown =
    Esta pregunta no está en la lista. Escriba un número de la lista, o ? para verla{ $own ->
        [yes] {""}
       *[no] . No se permiten preguntas propias
    }.
question-form = Una pregunta tiene { $longest } bytes como máximo y ningún carácter de control. Elija otra pregunta.
question-twice = Ya ha elegido esta pregunta. Elija otra pregunta.
answer-short = Esta respuesta es demasiado corta. Escriba al menos { $least } caracteres, sin contar acentos ni espacios.
answer-is-question = Esta respuesta es la propia pregunta. Dé otra respuesta.
answer-is-user = Esta respuesta es su nombre de usuario. Dé otra respuesta.
answer-twice = Otra pregunta tiene la misma respuesta. Dé otra respuesta.
enroll-security-key = Ha iniciado sesión con esta llave de seguridad. A partir de ahora puede ser su segundo factor:
prompt-enroll-key = Escriba { word-yes } para configurarla:
enroll-codes =
    Guarde estos códigos de recuperación.
    Cada uno permite iniciar sesión una vez en lugar de un código.
    No se volverán a mostrar.
enroll-all-done = Su segundo factor está configurado.

# Avisos por correo electrónico o SMS sobre un cambio de una cuenta ([notify] en agent.toml). Cada uno puede usar $user,
# $host, $time, $factor, $address y $service, si se conocen: $factor en notice-enroll y notice-remove, $address y $service
# en notice-new-network.
notice-subject = Aviso de seguridad para { $user } en { $host }
notice-enroll = Añadido a su cuenta { $user } en { $host }: { $factor } ({ $time }).
notice-remove = Eliminado de su cuenta { $user } en { $host }: { $factor } ({ $time }).
notice-locked = Demasiadas respuestas incorrectas han bloqueado su cuenta { $user } en { $host } ({ $time }).
notice-bypass = Se ha emitido un código de acceso temporal para su cuenta { $user } en { $host } ({ $time }).
notice-suspended = Se ha suspendido el segundo factor de su cuenta { $user } en { $host }: por ahora no se pide ningún código ({ $time }).
notice-less-required = Un administrador exige menos que antes para iniciar sesión con su cuenta { $user } en { $host } ({ $time }).
notice-networks = Un administrador ha cambiado las redes desde las que se puede iniciar sesión con su cuenta { $user } en { $host } ({ $time }).
notice-self-manage = Un administrador ha cambiado si usted mismo puede gestionar los factores de su cuenta { $user } en { $host } ({ $time }).
notice-recovery = Se ha usado un código de recuperación de su cuenta { $user } en { $host } ({ $time }).
notice-new-network = Su cuenta { $user } en { $host } se ha usado desde una red nueva: { $service }, { $address } ({ $time }).
# Sigue a cada uno de ellos.
notice-advice = Si no lo esperaba, contacte de inmediato con su administrador.
# Los valores de $factor.
notice-recovery-codes = códigos de recuperación
notice-factor-totp = un dispositivo para códigos (aplicación de autenticación o token)
notice-factor-pin = un PIN
notice-factor-questions = preguntas de seguridad
notice-factor-email = una dirección de correo electrónico para códigos
notice-factor-sms = un número de móvil para códigos
notice-factor-radius = un autenticador que comprueba otro servidor
notice-factor-key = una llave de seguridad
