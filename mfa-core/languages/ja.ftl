# 日本語。各テキストの意味と変数は en.ftl にあります。
# 入力する語は、かな漢字変換のない端末でも打てるように英語のままです。

prompt-totp = ワンタイムコード:
prompt-password-and-code = パスワードとコード:
prompt-pin = PIN:
prompt-email = メールで届いたコード:
prompt-sms = SMS で届いたコード:
prompt-radius = パスコード:
prompt-push = 要求を承認して Enter キーを押すか、パスコードを入力してください:
prompt-number = 携帯電話番号 (国番号から):
prompt-address = コードを受け取るメールアドレス:

word-yes = yes
word-resend = resend

not-accepted = 認証できませんでした。コードが正しくないか使用済みか、アカウントが一時的にロックされています。コードは一度しか使えません。次のコードをお待ちください。解決しない場合は管理者にお問い合わせください。
not-met = このログインには二要素認証が必要ですが、行われていません。パスワードとコードでログインしてください。できない場合は管理者にお問い合わせください。
grace =
    { $days ->
        [1] 二要素認証なしでログインできるのは本日が最後です。
       *[other] 二要素認証なしでログインできるのはあと { $days } 日です。
    }
    それまでに設定してください: mfactl enroll totp
few-recovery-codes =
    { $left ->
        [0] リカバリーコードは残っていません。
       *[other] リカバリーコードは残り { $left } 個です。
    }新しく作成するには: mfactl enroll recovery

ways = ログインの方法:
ways-prompt = 番号:
ways-unknown = 番号のどれかを入力してください。
ways-then = 、続いて
way-totp = デバイスのコード
way-pin = PIN
way-questions = 秘密の質問
way-email = メールで届くコード
way-sms = SMS で届くコード
way-radius = 別のサーバーが確認するパスコード
way-key = セキュリティキー

code-on-its-way =
    { $channel ->
        [email] メールアドレスに
       *[sms] 携帯電話に
    }コードを送信しました。再送するには { word-resend } { $other ->
        [yes] を、別の方法でログインするには ? を
       *[no] と
    }入力してください。
code-not-sent =
    コードを送信できませんでした。もう一度試すには { word-resend } { $other ->
        [yes] を、別の方法でログインするには ? を
       *[no] と
    }入力してください。解決しない場合は管理者にお問い合わせください。
code-too-many =
    コードの送信回数が多すぎるため、しばらく送信されません。このログインですでに届いたコードは有効です。{ $other ->
        [yes] 別の方法でログインするには ? を入力してください。
       *[no] {""}
    }
code-expired = このコードは有効期限が切れています。もう一度ログインして新しいコードを受け取ってください。
server-silent =
    パスコードを確認するサーバーが応答していません。{ $other ->
        [yes] {""}
       *[no] しばらくしてからもう一度お試しください。解決しない場合は管理者にお問い合わせください。
    }
push-sent = 携帯電話に要求を送信しました。携帯電話で承認してください。
push-not-approved = 承認されませんでした。携帯電話で拒否されたか、アカウントが一時的にロックされています。このログインに心当たりがない場合は、管理者にお問い合わせください。
push-too-many = 携帯電話に送信した要求が多すぎます。パスコードを入力するか、数分後にもう一度お試しください。
challenge-too-many = パスコードを確認するサーバーからの質問が多すぎます。数分後にもう一度お試しください。
touch-key = セキュリティキーに触れてください。
key-silent = セキュリティキーが応答しませんでした。接続されていないか、時間内に触れられなかったか、SSH エージェントが PIN を尋ねられませんでした。
key-out-of-reach = { $program ->
    [sshd] 登録されているセキュリティキーを、ここから使えません。そのキーで SSH ログインしてください。SSH エージェントにキーがあることを確認するか (ssh-add -L)、キーを指定してください (ssh -i)。できない場合は管理者にお問い合わせください。
    [agent] 登録されているセキュリティキーを、ここから使えません。SSH エージェントを転送し (ssh -A)、エージェントにキーがあることを確認してください (ssh-add -L)。できない場合は管理者にお問い合わせください。
   *[none] このプログラムではセキュリティキーを使えません。管理者にお問い合わせください。
}
key-not-accepted = 認証できませんでした。セキュリティキーの署名が正しくないか、アカウントが一時的にロックされています。解決しない場合は管理者にお問い合わせください。
key-not-touched = セキュリティキーが、触れられずに署名しました。ここでは使えません。触れる必要のあるキーを使うか、管理者にお問い合わせください。
key-not-verified = セキュリティキーが PIN または指紋を確認しませんでした。ここでは必須です。確認するキー (ssh-keygen -t ed25519-sk -O verify-required) を使うか、管理者にお問い合わせください。
key-went-back = 認証できませんでした。セキュリティキーの署名回数が前回より減ったため、複製された可能性があります。リセットした場合も、管理者が再び有効にするまで、このキーは使えません。

number-characters = 電話番号に使えるのは数字、空白、+ - ( ) . / だけで、{ $longest } 文字までです。
number-no-country = 電話番号は国番号から入力してください (例: +81 90 1234 5678)。
number-unknown = その電話番号は正しくありません。国番号から入力してください (例: +81 90 1234 5678)。
number-kind = この種類の番号では SMS を受信できません。携帯電話の番号を入力してください。
address-unknown = このメールアドレスは正しくありません。anna@example.org のように入力してください。

enroll-first =
    このログインには二要素認証が必要です。
    まだ設定されていません。今すぐ設定してください。
    { $how ->
        [scan] このコードを認証アプリで読み取るか、キーを入力します
       *[type] キーを認証アプリに入力します
    }。
enroll-lost =
    リカバリーコードを確認しました。再利用はできません。
    なくしたデバイスの代わりに、新しいデバイスを設定してください。
    { $how ->
        [scan] このコードを認証アプリで読み取るか、キーを入力します
       *[type] キーを認証アプリに入力します
    }。
enroll-key = キー:
enroll-picture = QR コードを表示するには ? と入力してください (UTF-8 対応の端末のみ)。
enroll-garbled = 画像の代わりに \342\226 と表示される場合は、キーを入力してください。
enroll-code = アプリに今表示されているコード:
enroll-wrong-code =
    コードが一致しません。キーが正しく入力され、
    両方の時計が合っていることを確認してから、次のコードを入力してください。
enroll-recovery =
    コードを確認しました。
    次のリカバリーコードを保管してください。再び表示されることはありません。
    それぞれ一度だけ、デバイスなしでログインできます。
enroll-stored = 安全な場所に保管したら { word-yes } と入力してください:
enroll-done = デバイスを設定しました。

# ログイン中の設定 (デバイス以外、またはデバイスを後から設定する場合)。$how は上と同じです。
enroll-none =
    このログインには二要素認証が必要です。
    まだ設定されていません。
enroll-device =
    デバイスを設定してください。
    { $how ->
        [scan] このコードを認証アプリで読み取るか、キーを入力します
       *[type] キーを認証アプリに入力します
    }。
enroll-pin =
    PIN を決めてください。
    今後のログインで PIN を入力します。
prompt-new-pin = 新しい PIN ({ $least } ~ { $most } 桁):
prompt-pin-again = PIN をもう一度:
pins-differ = PIN が一致しません。もう一度 PIN を決めてください。
pin-digits = PIN に使えるのは数字だけです。別の PIN にしてください。
pin-length = PIN は { $least } ~ { $most } 桁です。別の PIN にしてください。
pin-run = この PIN は連続した数字で、推測されやすいものです。別の PIN にしてください。
pin-repeat = この PIN は繰り返しで、推測されやすいものです。別の PIN にしてください。
pin-year = この PIN は今世紀の年で、推測されやすいものです。別の PIN にしてください。
pin-common = この PIN はよく使われ、推測されやすいものです。別の PIN にしてください。
enroll-questions =
    質問を番号で 3 つ選んでください。
    { $own ->
        [yes] 自分で質問を入力することもできます。
       *[no] {""}
    }今後のログインでそのうち 1 つを尋ねます。
prompt-question = 質問 { $number } / 3:
prompt-answer = 答え { $number } (表示されません):
prompt-answer-again = 答え { $number } をもう一度:
answers-differ = 答えが一致しません。もう一度入力してください。
question-unknown =
    一覧にない質問です。一覧の番号を入力してください。? で一覧を表示します。{ $own ->
        [yes] {""}
       *[no] 自分で作った質問は使えません。
    }
question-form = 質問は { $longest } バイト以内で、制御文字は使えません。別の質問にしてください。
question-twice = この質問はすでに選ばれています。別の質問にしてください。
answer-short = 答えが短すぎます。アクセント記号と空白を除いて { $least } 文字以上にしてください。
answer-is-question = 答えが質問そのものです。別の答えにしてください。
answer-is-user = 答えがユーザー名です。別の答えにしてください。
answer-twice = ほかの質問と同じ答えです。別の答えにしてください。
enroll-security-key = このセキュリティキーでログインしました。今後、二要素認証に使えます:
prompt-enroll-key = 設定するには { word-yes } と入力してください:
enroll-codes =
    次のリカバリーコードを保管してください。
    それぞれ一度だけ、コードの代わりに使えます。再び表示されることはありません。
enroll-all-done = 二要素認証を設定しました。

# 通知:アカウントの変更をメールまたは SMS で知らせる文 (agent.toml の [notify])。どの文でも、分かっている場合は
# $user、$host、$time、$factor、$address、$service を使えます。$factor は notice-enroll と notice-remove、$address と
# $service は notice-new-network で使えます。
notice-subject = { $host } のアカウント { $user } に関するセキュリティ通知
notice-enroll = { $host } のアカウント { $user } に追加されました: { $factor } ({ $time })。
notice-remove = { $host } のアカウント { $user } から削除されました: { $factor } ({ $time })。
notice-locked = 誤った回答が多すぎたため、{ $host } のアカウント { $user } はロックされました ({ $time })。
notice-bypass = { $host } のアカウント { $user } にバイパスコードが発行されました ({ $time })。
notice-suspended = { $host } のアカウント { $user } の第二要素が一時停止されました。当面、コードは求められません ({ $time })。
notice-less-required = 管理者の変更により、{ $host } のアカウント { $user } のログインに必要な要素が以前より少なくなりました ({ $time })。
notice-networks = 管理者が、{ $host } のアカウント { $user } でログインできるネットワークを変更しました ({ $time })。
notice-self-manage = 管理者が、{ $host } のアカウント { $user } の要素を自分で管理できるかどうかを変更しました ({ $time })。
notice-recovery = { $host } のアカウント { $user } のリカバリーコードが使用されました ({ $time })。
notice-new-network = { $host } のアカウント { $user } が新しいネットワークから使用されました: { $service }、{ $address } ({ $time })。
# 上のそれぞれに続く文。
notice-advice = 心当たりがない場合は、すぐに管理者に連絡してください。
# $factor の値。
notice-recovery-codes = リカバリーコード
notice-factor-totp = コード用のデバイス (認証アプリまたはトークン)
notice-factor-pin = PIN
notice-factor-questions = 秘密の質問
notice-factor-email = コードを受け取るメールアドレス
notice-factor-sms = コードを受け取る携帯電話番号
notice-factor-radius = 別のサーバーが確認する認証デバイス
notice-factor-key = セキュリティキー
