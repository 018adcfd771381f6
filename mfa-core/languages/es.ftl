# Español. Qué significa cada texto y qué recibe se explica en en.ftl.

prompt-totp = Código de un solo uso:
prompt-password-and-code = Contraseña y código:
prompt-pin = PIN:
prompt-email = Código de su correo electrónico:
prompt-sms = Código de su mensaje de texto:
prompt-radius = Código de acceso:
prompt-number = Número de móvil, con el prefijo del país:

word-yes = sí
word-resend = reenviar

not-accepted = No se ha aceptado: es incorrecto, ya se ha usado o esta cuenta está bloqueada por ahora. Un código sirve una sola vez; espere al siguiente. Si continúa, consulte a su administrador.
not-met = Este inicio de sesión requiere un segundo factor y no ha tenido ninguno. Inicie sesión con su contraseña y su código; si no puede, consulte a su administrador.
grace =
    { $days ->
        [one] Este es el último día en que puede
       *[other] Durante { $days } días más puede
    } iniciar sesión aquí sin un segundo factor.
    Configure uno antes: mfactl enroll totp
few-recovery-codes =
    { $left ->
        [0] No le quedan códigos de recuperación
        [one] Le queda un código de recuperación
       *[other] Le quedan { $left } códigos de recuperación
    }; mfactl enroll recovery crea otros nuevos.

ways = Formas de iniciar sesión:
ways-prompt = Número:
ways-unknown = Escriba uno de los números.
ways-then = , después
way-totp = un código de su dispositivo
way-pin = su PIN
way-questions = una pregunta de seguridad
way-email = un código por correo electrónico
way-sms = un código por mensaje de texto
way-radius = un código de acceso que comprueba otro servidor

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
    }. Si continúa, avise a su administrador.
code-too-many =
    Se le han enviado demasiados códigos; durante un tiempo no se enviará ninguno más. Uno que haya llegado en este inicio de sesión sigue siendo válido.{ $other ->
        [yes] {" "}Escriba ? para iniciar sesión de otra forma.
       *[no] {""}
    }
code-expired = Este código ya no es válido. Vuelva a iniciar sesión para recibir otro.
server-silent =
    El servidor que comprueba su código de acceso no responde ahora.{ $other ->
        [yes] {""}
       *[no] {" "}Inténtelo más tarde; si continúa, avise a su administrador.
    }

number-characters = Un número de teléfono solo tiene cifras, espacios y + - ( ) . /, { $longest } caracteres como máximo.
number-no-country = El número de teléfono necesita el prefijo del país, por ejemplo +34 612 345 678.
number-unknown = Ese número de teléfono no existe; escríbalo con el prefijo del país, por ejemplo +34 612 345 678.
number-kind = A ese tipo de número no se le pueden enviar mensajes de texto; use el de un teléfono móvil.

enroll-first =
    Este inicio de sesión requiere un segundo factor.
    Usted no tiene ninguno. Configure uno ahora:
    { $how ->
        [scan] escanee este código con una aplicación de autenticación, o escriba su clave
       *[type] escriba la clave en una aplicación de autenticación
    }.
enroll-lost =
    El código de recuperación es correcto; ya está gastado.
    Configure un dispositivo nuevo, que sustituye al perdido:
    { $how ->
        [scan] escanee este código con una aplicación de autenticación, o escriba su clave
       *[type] escriba la clave en una aplicación de autenticación
    }.
enroll-key = Clave:
enroll-picture = Para ver un código QR, si este terminal muestra UTF-8, escriba ?
enroll-code = Código que la aplicación muestra ahora:
enroll-wrong-code =
    Ese no es el código que la aplicación debe mostrar.
    Compruebe que ha recibido bien la clave y que su reloj está en hora;
    escriba el siguiente.
enroll-recovery =
    El código es correcto.
    Guarde estos códigos de recuperación: cada uno le deja entrar una vez
    sin el dispositivo, y no se volverán a mostrar.
enroll-stored = Escriba { word-yes } cuando estén en un lugar seguro:
enroll-done = El dispositivo está configurado.
