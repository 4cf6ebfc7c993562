"""Our own sentences to the asker, in the languages that questions come in; other languages get the English ones.

An answer is made with the English sentences and put into the asker's language as the last step, so that no part of
the engine needs to know of languages. Of several sentences each stands in a paragraph of its own.
"""

# ruff: noqa: RUF001 - texts of several scripts

from collections.abc import Mapping
from typing import Final

NOT_COVERED: Final = "The material here does not cover that, so I would rather not guess."
NOT_COVERED_HERE: Final = (
    "The material that is open to you here does not cover that, so I would rather not guess. /videos shows what is "
    "for which members."
)
CLOSEST: Final = "I am not sure that this answers it. The closest moments are:"
NOTHING_YET: Final = "There is nothing to answer from yet: no video or document has been added."
WITHDRAWN: Final = "The staff took back what I answered to that. A better answer is on its way."
NO_QUESTION: Final = "I could not find a question in that. Try a whole sentence, such as: how do I start?"
PARTLY: Final = "The material covers “{covered}”. I found nothing on “{missing}”."
LACKING: Final = "I found nothing on “{missing}”."
ONLY_PARTLY: Final = "The material answers only a part of that."
AGAIN_OTHERS: Final = "I looked again. This is said about it, too:"
AGAIN_SAME: Final = "I looked again and found the same. This is what is said:"
AGAIN_NOTHING: Final = "I looked again, and the material does not say."
OTHER_LANGUAGE: Final = (
    "The material is in another language than your question, so I may have missed something. Asking in its "
    "language ({language}) finds more."
)
WORDS_ONLY: Final = "I could search by words only just now, so a better place may be missing."
WORDS_ONLY_NOTHING: Final = (
    "I could search by words only just now, and found nothing. Please ask again in a few minutes, or in other words."
)
SPEAK_OF_IT: Final = "These speak of it, the best first:"
NEW_HERE: Final = "New here, the latest first:"
NOTHING_NEW: Final = "Nothing new was added in that time. /videos shows what there is."
ALL_THERE_IS: Final = "This is here, the latest first:"
MORE_THERE: Final = "There is more: /videos lists all {total}."
NONE_OF_KIND: Final = "There is nothing of that kind here. /videos shows what there is."
QUOTED_FROM: Final = "In the creator's own words:"
UNFINISHED: Final = "I could not finish this answer."
LOOK_FIRST: Final = "Look at these moments first, and try to answer it yourself:"
QUOTING_TODAY: Final = (
    "Today's budget for written answers is used up. Until midnight UTC, for another {wait}, I quote the creator."
)
QUOTING_MONTH: Final = (
    "This month's budget for written answers is used up. Until {day}, midnight UTC, I quote the creator."
)
QUOTING_OWN: Final = (
    "Your own budget for written answers today is used up. Until midnight UTC, for another {wait}, I "
    "quote the creator."
)
BUSY: Final = (
    "Many answers are being written just now, so I quote the creator. Ask again in a minute or two for a written one."
)

_TRANSLATED: Final[Mapping[str, Mapping[str, str]]] = {
    WORDS_ONLY: {
        "es": "Ahora mismo solo he podido buscar por palabras, así que puede faltar un lugar mejor.",
        "pt": "Agora só consegui procurar por palavras, por isso pode faltar um lugar melhor.",
        "de": "Gerade konnte ich nur nach Wörtern suchen, eine bessere Stelle kann also fehlen.",
        "fr": "Pour l'instant, je n'ai pu chercher que par mots ; un meilleur passage peut donc manquer.",
        "it": "Al momento ho potuto cercare solo per parole, quindi può mancare un punto migliore.",
        "ru": "Сейчас я могу искать только по словам, поэтому более подходящее место могло не найтись.",
        "uk": "Зараз я можу шукати лише за словами, тож краще місце могло не знайтися.",
        "hi": "अभी मैं केवल शब्दों से खोज सका, इसलिए कोई बेहतर जगह छूट सकती है।",
        "id": "Saat ini saya hanya bisa mencari lewat kata, jadi bagian yang lebih tepat mungkin terlewat.",
        "tr": "Şu anda yalnızca sözcüklerle arayabildim, bu yüzden daha iyi bir yer eksik olabilir.",
        "zh": "我现在只能按词语搜索，可能漏掉了更合适的地方。",
        "ja": "今は言葉だけで検索したため、より適切な箇所が抜けているかもしれません。",
        "ko": "지금은 낱말로만 찾을 수 있어서 더 알맞은 곳이 빠졌을 수 있습니다.",
        "ar": "لم أستطع الآن إلا البحث بالكلمات، فقد يفوتني موضع أفضل.",
    },
    WORDS_ONLY_NOTHING: {
        "es": "Ahora mismo solo he podido buscar por palabras y no he encontrado nada. Pregunta otra vez "
        "dentro de unos minutos o con otras palabras.",
        "pt": "Agora só consegui procurar por palavras e não encontrei nada. Pergunte de novo daqui a alguns "
        "minutos ou com outras palavras.",
        "de": "Gerade konnte ich nur nach Wörtern suchen und habe nichts gefunden. Frag bitte in ein paar "
        "Minuten noch einmal oder mit anderen Worten.",
        "fr": "Pour l'instant, je n'ai pu chercher que par mots et je n'ai rien trouvé. Reposez la question "
        "dans quelques minutes ou avec d'autres mots.",
        "it": "Al momento ho potuto cercare solo per parole e non ho trovato nulla. Chiedi di nuovo tra "
        "qualche minuto o con altre parole.",
        "ru": "Сейчас я могу искать только по словам и ничего не нахожу. Спросите ещё раз через несколько "
        "минут или другими словами.",
        "uk": "Зараз я можу шукати лише за словами й нічого не знаходжу. Запитайте ще раз за кілька хвилин "
        "або іншими словами.",
        "hi": "अभी मैं केवल शब्दों से खोज सका और कुछ नहीं मिला। कृपया कुछ मिनट बाद या दूसरे शब्दों में फिर पूछें।",
        "id": "Saat ini saya hanya bisa mencari lewat kata dan tidak menemukan apa pun. Silakan tanya lagi "
        "beberapa menit lagi atau dengan kata lain.",
        "tr": "Şu anda yalnızca sözcüklerle arayabildim ve bir şey bulamadım. Lütfen birkaç dakika sonra ya "
        "da başka sözcüklerle yeniden sor.",
        "zh": "我现在只能按词语搜索，没有找到任何内容。请过几分钟再问，或换个说法。",
        "ja": "今は言葉だけで検索しましたが、何も見つかりませんでした。"
        "数分後にもう一度、または別の言葉でお尋ねください。",
        "ko": "지금은 낱말로만 찾을 수 있었고 아무것도 찾지 못했습니다. "
        "몇 분 뒤에 다시 묻거나 다른 말로 물어봐 주세요.",
        "ar": "لم أستطع الآن إلا البحث بالكلمات ولم أجد شيئًا. اسأل من جديد بعد بضع دقائق أو بكلمات أخرى.",
    },
    NOT_COVERED: {
        "es": "El material de aquí no trata eso, así que prefiero no adivinar.",
        "pt": "O material daqui não trata disso, por isso prefiro não adivinhar.",
        "de": "Das Material hier sagt dazu nichts, und raten möchte ich lieber nicht.",
        "fr": "Le contenu disponible ici n'en parle pas ; je préfère ne pas deviner.",
        "it": "Il materiale qui non ne parla, quindi preferisco non tirare a indovinare.",
        "ru": "В здешних материалах об этом ничего нет, а гадать я не хочу.",
        "uk": "У тутешніх матеріалах про це нічого немає, а вгадувати я не хочу.",
        "hi": "यहाँ की सामग्री में यह नहीं है, इसलिए मैं अंदाज़ा नहीं लगाना चाहता।",
        "id": "Materi di sini tidak membahas itu, jadi saya memilih untuk tidak menebak.",
        "tr": "Buradaki içerik bunu ele almıyor, bu yüzden tahmin yürütmek istemem.",
        "zh": "这里的资料没有讲到这一点，所以我不想乱猜。",
        "ja": "ここの資料にはそれについての説明がないため、推測でお答えするのは控えます。",
        "ko": "여기 자료에는 그 내용이 없어서, 추측으로 답하지 않겠습니다.",
        "ar": "المواد الموجودة هنا لا تتناول ذلك، لذا أفضّل ألا أخمّن.",
    },
    NOT_COVERED_HERE: {
        "es": "El material abierto para ti aquí no trata eso, así que prefiero no adivinar. /videos muestra qué es "
        "para qué miembros.",
        "pt": "O material aberto para você aqui não trata disso, por isso prefiro não adivinhar. /videos mostra o "
        "que é para quais membros.",
        "de": "Das Material, das dir hier offensteht, sagt dazu nichts, und raten möchte ich lieber nicht. /videos "
        "zeigt, was für welche Mitglieder ist.",
        "fr": "Le contenu qui t'est ouvert ici n'en parle pas ; je préfère ne pas deviner. /videos montre ce qui est "
        "réservé à quels membres.",
        "it": "Il materiale aperto a te qui non ne parla, quindi preferisco non tirare a indovinare. /videos mostra "
        "che cosa è per quali membri.",
        "ru": "В материалах, которые здесь открыты для вас, об этом ничего нет, а гадать я не хочу. /videos "
        "показывает, что для каких участников.",
        "uk": "У матеріалах, які тут відкриті для вас, про це нічого немає, а вгадувати я не хочу. /videos показує, "
        "що для яких учасників.",
        "hi": "यहाँ आपके लिए खुली सामग्री में यह नहीं है, इसलिए मैं अंदाज़ा नहीं लगाना चाहता। /videos दिखाता है कि "
        "क्या किन सदस्यों के लिए है।",
        "id": "Materi yang terbuka untuk Anda di sini tidak membahas itu, jadi saya memilih untuk tidak menebak. "
        "/videos menunjukkan apa yang untuk anggota mana.",
        "tr": "Burada size açık olan içerik bunu ele almıyor, bu yüzden tahmin yürütmek istemem. /videos neyin hangi "
        "üyeler için olduğunu gösterir.",
        "zh": "这里对你开放的资料没有讲到这一点，所以我不想乱猜。/videos 会显示哪些内容面向哪些成员。",
        "ja": "ここであなたに公開されている資料にはその説明がないため、推測でお答えするのは控えます。"
        "/videos で、どれがどのメンバー向けかを確認できます。",
        "ko": "여기서 당신에게 열려 있는 자료에는 그 내용이 없어서, 추측으로 답하지 않겠습니다. /videos에서 어떤 "
        "자료가 어떤 회원용인지 볼 수 있습니다.",
        "ar": "المواد المتاحة لك هنا لا تتناول ذلك، لذا أفضّل ألا أخمّن. يعرض /videos ما هو مخصّص لأيّ الأعضاء.",
    },
    CLOSEST: {
        "es": "No estoy seguro de que esto lo responda. Los momentos más cercanos son:",
        "pt": "Não tenho certeza de que isto responde. Os momentos mais próximos são:",
        "de": "Ich bin nicht sicher, ob das die Frage beantwortet. Am nächsten kommen diese Stellen:",
        "fr": "Je ne suis pas sûr que cela y réponde. Les passages les plus proches sont :",
        "it": "Non sono sicuro che questo risponda. I momenti più vicini sono:",
        "ru": "Не уверен, что это отвечает на вопрос. Ближе всего эти места:",
        "uk": "Не впевнений, що це відповідає на запитання. Найближче ось ці місця:",
        "hi": "मुझे यक़ीन नहीं कि यह इसका उत्तर है। सबसे नज़दीकी अंश ये हैं:",
        "id": "Saya tidak yakin ini menjawabnya. Bagian yang paling mendekati adalah:",
        "tr": "Bunun soruyu yanıtladığından emin değilim. En yakın yerler şunlar:",
        "zh": "我不确定这是否回答了问题。最接近的片段是：",
        "ja": "これが答えになっているか確かではありません。最も近い箇所は次のとおりです。",
        "ko": "이것이 답이 되는지 확실하지 않습니다. 가장 가까운 부분은 다음과 같습니다:",
        "ar": "لست متأكدًا من أن هذا يجيب عن السؤال. أقرب المقاطع هي:",
    },
    NOTHING_YET: {
        "es": "Todavía no hay nada de donde responder: no se ha añadido ningún vídeo ni documento.",
        "pt": "Ainda não há nada de onde responder: nenhum vídeo ou documento foi adicionado.",
        "de": "Noch gibt es nichts, woraus ich antworten könnte: kein Video und kein Dokument wurde hinzugefügt.",
        "fr": "Il n'y a encore rien d'où répondre : aucune vidéo ni aucun document n'a été ajouté.",
        "it": "Non c'è ancora nulla da cui rispondere: non è stato aggiunto alcun video o documento.",
        "ru": "Отвечать пока не по чему: ни видео, ни документов ещё не добавлено.",
        "uk": "Відповідати поки немає з чого: ще не додано жодного відео чи документа.",
        "hi": "अभी उत्तर देने के लिए कुछ नहीं है: कोई वीडियो या दस्तावेज़ नहीं जोड़ा गया है।",
        "id": "Belum ada bahan untuk menjawab: belum ada video atau dokumen yang ditambahkan.",
        "tr": "Henüz yanıt verecek bir şey yok: hiçbir video ya da belge eklenmedi.",
        "zh": "目前还没有可以用来回答的内容：尚未添加任何视频或文档。",
        "ja": "まだ答えるための資料がありません。動画も文書も追加されていません。",
        "ko": "아직 답할 자료가 없습니다. 추가된 동영상이나 문서가 없습니다.",
        "ar": "لا يوجد بعد ما أجيب منه: لم تُضَف أي فيديوهات أو مستندات.",
    },
    WITHDRAWN: {
        "es": "El equipo retiró lo que respondí a eso. Una respuesta mejor está en camino.",
        "pt": "A equipe retirou o que respondi a isso. Uma resposta melhor está a caminho.",
        "de": "Das Team hat meine Antwort darauf zurückgenommen. Eine bessere ist unterwegs.",
        "fr": "L'équipe a retiré ma réponse à cette question. Une meilleure réponse arrive.",
        "it": "Lo staff ha ritirato la mia risposta. Una risposta migliore è in arrivo.",
        "ru": "Команда отозвала мой ответ на это. Скоро будет ответ получше.",
        "uk": "Команда відкликала мою відповідь на це. Незабаром буде краща.",
        "hi": "टीम ने इस पर मेरा उत्तर वापस ले लिया है। एक बेहतर उत्तर आने वाला है।",
        "id": "Tim menarik kembali jawaban saya untuk itu. Jawaban yang lebih baik sedang disiapkan.",
        "tr": "Ekip buna verdiğim yanıtı geri çekti. Daha iyi bir yanıt yolda.",
        "zh": "工作人员撤回了我对此的回答。更好的回答很快会有。",
        "ja": "これに対する私の回答はスタッフが取り下げました。より良い回答を準備中です。",
        "ko": "운영진이 이에 대한 제 답변을 철회했습니다. 더 나은 답변이 준비 중입니다.",
        "ar": "سحب الفريق ما أجبت به عن ذلك. هناك إجابة أفضل في الطريق.",
    },
    NO_QUESTION: {
        "es": "No encontré ninguna pregunta ahí. Prueba con una frase completa, por ejemplo: ¿cómo empiezo?",
        "pt": "Não encontrei nenhuma pergunta aí. Tente uma frase completa, por exemplo: como começo?",
        "de": "Darin habe ich keine Frage gefunden. Versuche es mit einem ganzen Satz, etwa: Wie fange ich an?",
        "fr": "Je n'y ai pas trouvé de question. Essaie une phrase complète, par exemple : comment commencer ?",
        "it": "Non ho trovato una domanda lì dentro. Prova con una frase intera, per esempio: come comincio?",
        "ru": "Я не нашёл здесь вопроса. Попробуйте целое предложение, например: с чего начать?",
        "uk": "Я не знайшов тут запитання. Спробуйте ціле речення, наприклад: з чого почати?",
        "hi": "मुझे इसमें कोई सवाल नहीं मिला। पूरा वाक्य लिखकर देखें, जैसे: मैं कैसे शुरू करूँ?",
        "id": "Saya tidak menemukan pertanyaan di situ. Coba kalimat lengkap, misalnya: bagaimana saya memulai?",
        "tr": "Bunda bir soru bulamadım. Tam bir cümle deneyin, örneğin: nasıl başlarım?",
        "zh": "我没有从中找到问题。请试着用完整的句子，例如：我该怎么开始？",
        "ja": "質問が見つかりませんでした。「どうやって始めますか」のように、文で書いてみてください。",
        "ko": "질문을 찾지 못했습니다. 예를 들어 “어떻게 시작하나요?”처럼 완전한 문장으로 써 보세요.",
        "ar": "لم أجد سؤالًا في ذلك. جرّب جملة كاملة، مثل: كيف أبدأ؟",
    },
    PARTLY: {
        "es": "El material trata «{covered}». No encontré nada sobre «{missing}».",
        "pt": "O material trata de “{covered}”. Não encontrei nada sobre “{missing}”.",
        "de": "Das Material behandelt „{covered}“. Zu „{missing}“ habe ich nichts gefunden.",
        "fr": "Le contenu traite de « {covered} ». Je n'ai rien trouvé sur « {missing} ».",
        "it": "Il materiale tratta «{covered}». Non ho trovato nulla su «{missing}».",
        "ru": "В материалах есть «{covered}». О «{missing}» я ничего не нашёл.",
        "uk": "У матеріалах є «{covered}». Про «{missing}» я нічого не знайшов.",
        "hi": "सामग्री में “{covered}” है। “{missing}” पर मुझे कुछ नहीं मिला।",
        "id": "Materi membahas “{covered}”. Saya tidak menemukan apa pun tentang “{missing}”.",
        "tr": "İçerik “{covered}” konusunu ele alıyor. “{missing}” hakkında bir şey bulamadım.",
        "zh": "资料讲到了“{covered}”。关于“{missing}”，我什么也没有找到。",
        "ja": "資料には「{covered}」があります。「{missing}」については何も見つかりませんでした。",
        "ko": "자료에는 “{covered}”에 대한 내용이 있습니다. “{missing}”에 대해서는 찾지 못했습니다.",
        "ar": "تتناول المواد «{covered}». لم أجد شيئًا عن «{missing}».",
    },
    LACKING: {
        "es": "No encontré nada sobre «{missing}».",
        "pt": "Não encontrei nada sobre “{missing}”.",
        "de": "Zu „{missing}“ habe ich nichts gefunden.",
        "fr": "Je n'ai rien trouvé sur « {missing} ».",
        "it": "Non ho trovato nulla su «{missing}».",
        "ru": "О «{missing}» я ничего не нашёл.",
        "uk": "Про «{missing}» я нічого не знайшов.",
        "hi": "“{missing}” पर मुझे कुछ नहीं मिला।",
        "id": "Saya tidak menemukan apa pun tentang “{missing}”.",
        "tr": "“{missing}” hakkında bir şey bulamadım.",
        "zh": "关于“{missing}”，我什么也没有找到。",
        "ja": "「{missing}」については何も見つかりませんでした。",
        "ko": "“{missing}”에 대해서는 찾지 못했습니다.",
        "ar": "لم أجد شيئًا عن «{missing}».",
    },
    ONLY_PARTLY: {
        "es": "El material responde solo a una parte de eso.",
        "pt": "O material responde apenas a uma parte disso.",
        "de": "Das Material beantwortet nur einen Teil davon.",
        "fr": "Le contenu ne répond qu'à une partie de cela.",
        "it": "Il materiale risponde solo a una parte.",
        "ru": "Материалы отвечают только на часть этого.",
        "uk": "Матеріали відповідають лише на частину цього.",
        "hi": "सामग्री इसके केवल एक हिस्से का उत्तर देती है।",
        "id": "Materi hanya menjawab sebagian dari itu.",
        "tr": "İçerik bunun yalnızca bir kısmını yanıtlıyor.",
        "zh": "资料只回答了其中的一部分。",
        "ja": "資料が答えているのはその一部だけです。",
        "ko": "자료는 그중 일부에만 답하고 있습니다.",
        "ar": "تجيب المواد عن جزء من ذلك فقط.",
    },
    AGAIN_OTHERS: {
        "es": "He vuelto a buscar. También se dice esto:",
        "pt": "Procurei de novo. Também se diz isto:",
        "de": "Ich habe noch einmal nachgesehen. Auch das wird dazu gesagt:",
        "fr": "J'ai cherché à nouveau. Voici ce qui est dit aussi :",
        "it": "Ho cercato di nuovo. Si dice anche questo:",
        "ru": "Я поискал ещё раз. Об этом сказано и такое:",
        "uk": "Я пошукав ще раз. Про це сказано також:",
        "hi": "मैंने दोबारा देखा। इस बारे में यह भी कहा गया है:",
        "id": "Saya mencari lagi. Ini juga dikatakan tentang itu:",
        "tr": "Yeniden baktım. Bu konuda şu da söyleniyor:",
        "zh": "我又查了一遍。关于这一点还讲到：",
        "ja": "もう一度調べました。これについては次のようにも述べられています。",
        "ko": "다시 찾아보았습니다. 이에 대해 이런 내용도 있습니다:",
        "ar": "بحثت مرة أخرى. قيل عن ذلك أيضًا:",
    },
    AGAIN_SAME: {
        "es": "He vuelto a buscar y encontré lo mismo. Esto es lo que se dice:",
        "pt": "Procurei de novo e encontrei o mesmo. Isto é o que se diz:",
        "de": "Ich habe noch einmal nachgesehen und dasselbe gefunden. Das wird gesagt:",
        "fr": "J'ai cherché à nouveau et trouvé la même chose. Voici ce qui est dit :",
        "it": "Ho cercato di nuovo e ho trovato la stessa cosa. Ecco che cosa si dice:",
        "ru": "Я поискал ещё раз и нашёл то же самое. Вот что сказано:",
        "uk": "Я пошукав ще раз і знайшов те саме. Ось що сказано:",
        "hi": "मैंने दोबारा देखा और वही मिला। यह कहा गया है:",
        "id": "Saya mencari lagi dan menemukan hal yang sama. Inilah yang dikatakan:",
        "tr": "Yeniden baktım ve aynısını buldum. Söylenen şu:",
        "zh": "我又查了一遍，结果相同。原话是：",
        "ja": "もう一度調べましたが、同じ内容でした。次のように述べられています。",
        "ko": "다시 찾아보았지만 같은 내용이었습니다. 자료의 내용은 다음과 같습니다:",
        "ar": "بحثت مرة أخرى ووجدت الأمر نفسه. هذا ما قيل:",
    },
    AGAIN_NOTHING: {
        "es": "He vuelto a buscar, y el material no lo dice.",
        "pt": "Procurei de novo, e o material não diz.",
        "de": "Ich habe noch einmal nachgesehen, und das Material sagt es nicht.",
        "fr": "J'ai cherché à nouveau, et le contenu ne le dit pas.",
        "it": "Ho cercato di nuovo, e il materiale non lo dice.",
        "ru": "Я поискал ещё раз: в материалах об этом не сказано.",
        "uk": "Я пошукав ще раз: у матеріалах про це не сказано.",
        "hi": "मैंने दोबारा देखा, और सामग्री में यह नहीं कहा गया है।",
        "id": "Saya mencari lagi, dan materi tidak menyebutkannya.",
        "tr": "Yeniden baktım; içerik bunu söylemiyor.",
        "zh": "我又查了一遍，资料里没有讲到。",
        "ja": "もう一度調べましたが、資料には述べられていません。",
        "ko": "다시 찾아보았지만 자료에는 나와 있지 않습니다.",
        "ar": "بحثت مرة أخرى، والمواد لا تذكر ذلك.",
    },
    OTHER_LANGUAGE: {
        "es": "El material está en otro idioma que tu pregunta, así que puede que se me haya escapado algo. "
        "Preguntando en su idioma ({language}) se encuentra más.",
        "pt": "O material está em outro idioma que a sua pergunta, por isso posso ter deixado passar algo. "
        "Perguntando no idioma dele ({language}) encontra-se mais.",
        "de": "Das Material ist in einer anderen Sprache als deine Frage, daher kann mir etwas entgangen sein. In "
        "seiner Sprache gefragt ({language}), findet sich mehr.",
        "fr": "Le contenu est dans une autre langue que ta question ; quelque chose a pu m'échapper. Dans sa langue "
        "({language}), on trouve davantage.",
        "it": "Il materiale è in una lingua diversa dalla tua domanda, quindi qualcosa può essermi sfuggito. "
        "Chiedendo nella sua lingua ({language}) si trova di più.",
        "ru": "Материалы на другом языке, чем ваш вопрос, поэтому я мог что-то упустить. Если спросить на их языке "
        "({language}), найдётся больше.",
        "uk": "Матеріали іншою мовою, ніж ваше запитання, тож я міг щось пропустити. Якщо запитати їхньою мовою "
        "({language}), знайдеться більше.",
        "hi": "सामग्री आपके सवाल से अलग भाषा में है, इसलिए मुझसे कुछ छूट सकता है। उसकी भाषा ({language}) में पूछने पर ज़्यादा मिलेगा।",
        "id": "Materi menggunakan bahasa lain daripada pertanyaan Anda, jadi mungkin ada yang terlewat. Bertanya "
        "dalam bahasanya ({language}) akan menemukan lebih banyak.",
        "tr": "İçerik sorunuzdan başka bir dilde, bu yüzden bir şey gözümden kaçmış olabilir. Onun dilinde "
        "({language}) sorarsanız daha fazlası bulunur.",
        "zh": "资料的语言与你的问题不同，所以我可能有遗漏。用资料的语言（{language}）提问能找到更多。",
        "ja": "資料は質問とは別の言語のため、見落としがあるかもしれません。"
        "資料の言語（{language}）で質問すると、より多く見つかります。",
        "ko": "자료가 질문과 다른 언어로 되어 있어 놓친 것이 있을 수 있습니다. 자료의 언어({language})로 물으면 더 "
        "많이 찾을 수 있습니다.",
        "ar": "المواد بلغة غير لغة سؤالك، لذا ربما فاتني شيء. السؤال بلغتها ({language}) يُظهر المزيد.",
    },
    SPEAK_OF_IT: {
        "es": "Estos tratan de eso, el mejor primero:",
        "pt": "Estes tratam disso, o melhor primeiro:",
        "de": "Davon ist hier die Rede, das Beste zuerst:",
        "fr": "Ceux-ci en parlent, le meilleur d'abord :",
        "it": "Questi ne parlano, il migliore per primo:",
        "ru": "Об этом говорится здесь, лучшее сначала:",
        "uk": "Про це йдеться тут, найкраще спочатку:",
        "hi": "इनमें इसकी बात है, सबसे अच्छा पहले:",
        "id": "Ini yang membahasnya, yang terbaik lebih dulu:",
        "tr": "Bundan söz edenler, en iyisi önce:",
        "zh": "以下内容讲到了它，最相关的在前：",
        "ja": "次のものがそれについて述べています（関連の強い順）。",
        "ko": "다음에서 다루고 있습니다. 가장 알맞은 것부터:",
        "ar": "هذه تتحدث عنه، الأفضل أولًا:",
    },
    NEW_HERE: {
        "es": "Novedades, lo más reciente primero:",
        "pt": "Novidades, o mais recente primeiro:",
        "de": "Neu hier, das Neueste zuerst:",
        "fr": "Nouveautés, les plus récentes d'abord :",
        "it": "Novità, le più recenti per prime:",
        "ru": "Новое здесь, сначала последнее:",
        "uk": "Нове тут, спочатку останнє:",
        "hi": "यहाँ नया, सबसे ताज़ा पहले:",
        "id": "Yang baru di sini, yang terbaru lebih dulu:",
        "tr": "Yeni eklenenler, en yenisi önce:",
        "zh": "新内容，最新的在前：",
        "ja": "新着（新しい順）:",
        "ko": "새로 추가된 것, 최신순:",
        "ar": "الجديد هنا، الأحدث أولًا:",
    },
    NOTHING_NEW: {
        "es": "No se añadió nada nuevo en ese tiempo. /videos muestra lo que hay.",
        "pt": "Nada de novo foi adicionado nesse período. /videos mostra o que há.",
        "de": "In dieser Zeit kam nichts Neues dazu. /videos zeigt, was da ist.",
        "fr": "Rien de nouveau n'a été ajouté pendant ce temps. /videos montre ce qu'il y a.",
        "it": "In questo periodo non è stato aggiunto nulla di nuovo. /videos mostra che cosa c'è.",
        "ru": "За это время ничего нового не добавилось. /videos показывает, что есть.",
        "uk": "За цей час нічого нового не додалося. /videos показує, що є.",
        "hi": "इस बीच कुछ नया नहीं जोड़ा गया। /videos दिखाता है कि क्या उपलब्ध है।",
        "id": "Tidak ada yang baru ditambahkan dalam waktu itu. /videos menunjukkan apa yang ada.",
        "tr": "Bu sürede yeni bir şey eklenmedi. /videos neler olduğunu gösterir.",
        "zh": "这段时间没有新增内容。/videos 会显示现有内容。",
        "ja": "その間に新しく追加されたものはありません。/videos で一覧を見られます。",
        "ko": "그 기간에 새로 추가된 것이 없습니다. /videos에서 목록을 볼 수 있습니다.",
        "ar": "لم يُضَف شيء جديد في تلك الفترة. يعرض /videos ما هو موجود.",
    },
    ALL_THERE_IS: {
        "es": "Esto es lo que hay, lo más reciente primero:",
        "pt": "Isto é o que há, o mais recente primeiro:",
        "de": "Das gibt es hier, das Neueste zuerst:",
        "fr": "Voici ce qu'il y a, le plus récent d'abord :",
        "it": "Ecco che cosa c'è, il più recente per primo:",
        "ru": "Вот что здесь есть, сначала последнее:",
        "uk": "Ось що тут є, спочатку останнє:",
        "hi": "यहाँ यह है, सबसे ताज़ा पहले:",
        "id": "Ini yang ada di sini, yang terbaru lebih dulu:",
        "tr": "Burada olanlar, en yenisi önce:",
        "zh": "这里有以下内容，最新的在前：",
        "ja": "ここにあるもの（新しい順）:",
        "ko": "여기 있는 것, 최신순:",
        "ar": "هذا ما هو موجود هنا، الأحدث أولًا:",
    },
    MORE_THERE: {
        "es": "Hay más: /videos muestra los {total}.",
        "pt": "Há mais: /videos mostra todos os {total}.",
        "de": "Es gibt mehr: /videos zeigt alle {total}.",
        "fr": "Il y en a plus : /videos montre les {total}.",
        "it": "Ce n'è di più: /videos mostra tutti e {total}.",
        "ru": "Есть ещё: /videos показывает все {total}.",
        "uk": "Є ще: /videos показує всі {total}.",
        "hi": "और भी हैं: /videos सभी {total} दिखाता है।",
        "id": "Masih ada lagi: /videos menampilkan semua {total}.",
        "tr": "Dahası var: /videos {total} öğenin tümünü listeler.",
        "zh": "还有更多：/videos 列出全部 {total} 项。",
        "ja": "ほかにもあります。/videos で全 {total} 件を見られます。",
        "ko": "더 있습니다. /videos에서 전체 {total}개를 볼 수 있습니다.",
        "ar": "هناك المزيد: يعرض /videos جميع العناصر وعددها {total}.",
    },
    NONE_OF_KIND: {
        "es": "No hay nada de ese tipo aquí. /videos muestra lo que hay.",
        "pt": "Não há nada desse tipo aqui. /videos mostra o que há.",
        "de": "So etwas gibt es hier nicht. /videos zeigt, was da ist.",
        "fr": "Il n'y a rien de ce genre ici. /videos montre ce qu'il y a.",
        "it": "Qui non c'è nulla del genere. /videos mostra che cosa c'è.",
        "ru": "Ничего такого здесь нет. /videos показывает, что есть.",
        "uk": "Нічого такого тут немає. /videos показує, що є.",
        "hi": "यहाँ इस तरह का कुछ नहीं है। /videos दिखाता है कि क्या उपलब्ध है।",
        "id": "Tidak ada yang seperti itu di sini. /videos menunjukkan apa yang ada.",
        "tr": "Burada bu türden bir şey yok. /videos neler olduğunu gösterir.",
        "zh": "这里没有这类内容。/videos 会显示现有内容。",
        "ja": "ここにはその種類のものはありません。/videos で一覧を見られます。",
        "ko": "여기에는 그런 종류가 없습니다. /videos에서 목록을 볼 수 있습니다.",
        "ar": "لا يوجد شيء من هذا النوع هنا. يعرض /videos ما هو موجود.",
    },
    QUOTED_FROM: {
        "es": "En palabras de quien lo creó:",
        "pt": "Nas palavras de quem criou:",
        "de": "In den eigenen Worten aus dem Material:",
        "fr": "Dans les mots mêmes de l'auteur :",
        "it": "Con le parole di chi l'ha creato:",
        "ru": "Словами самого автора:",
        "uk": "Словами самого творця:",
        "hi": "निर्माता के अपने शब्दों में:",
        "id": "Dengan kata-kata kreatornya sendiri:",
        "tr": "Yaratıcının kendi sözleriyle:",
        "zh": "以下是创作者的原话：",
        "ja": "作者自身の言葉で：",
        "ko": "제작자 본인의 말로는:",
        "ar": "بكلمات صاحب المحتوى نفسه:",
    },
    UNFINISHED: {
        "es": "No pude terminar esta respuesta.",
        "pt": "Não consegui terminar esta resposta.",
        "de": "Diese Antwort konnte ich nicht zu Ende bringen.",
        "fr": "Je n'ai pas pu terminer cette réponse.",
        "it": "Non sono riuscito a finire questa risposta.",
        "ru": "Я не смог закончить этот ответ.",
        "uk": "Я не зміг закінчити цю відповідь.",
        "hi": "मैं यह उत्तर पूरा नहीं कर सका।",
        "id": "Saya tidak dapat menyelesaikan jawaban ini.",
        "tr": "Bu yanıtı tamamlayamadım.",
        "zh": "这个回答我没能写完。",
        "ja": "この回答は最後まで書けませんでした。",
        "ko": "이 답변을 끝맺지 못했습니다.",
        "ar": "لم أستطع إكمال هذه الإجابة.",
    },
    LOOK_FIRST: {
        "es": "Mira primero estos momentos e intenta responderlo por tu cuenta:",
        "pt": "Veja primeiro estes momentos e tente responder você mesmo:",
        "de": "Sieh dir zuerst diese Stellen an und versuche, es selbst zu beantworten:",
        "fr": "Regarde d'abord ces passages et essaie d'y répondre toi-même :",
        "it": "Guarda prima questi momenti e prova a rispondere da te:",
        "ru": "Сначала посмотрите эти места и попробуйте ответить сами:",
        "uk": "Спершу перегляньте ці місця й спробуйте відповісти самі:",
        "hi": "पहले ये अंश देखें और ख़ुद उत्तर देने की कोशिश करें:",
        "id": "Lihat dulu bagian-bagian ini, lalu coba jawab sendiri:",
        "tr": "Önce şu yerlere bak ve kendin yanıtlamayı dene:",
        "zh": "先看看这些片段，试着自己回答：",
        "ja": "まずこれらの箇所を見て、自分で答えてみてください：",
        "ko": "먼저 이 부분들을 보고 스스로 답해 보세요:",
        "ar": "شاهد هذه المقاطع أولًا وحاول أن تجيب بنفسك:",
    },
    QUOTING_TODAY: {
        "es": "El presupuesto de hoy para respuestas escritas se ha agotado. Hasta la medianoche UTC, "
        "durante {wait} más, cito el material.",
        "pt": "O orçamento de hoje para respostas escritas acabou. Até a meia-noite UTC, por mais "
        "{wait}, cito o material.",
        "de": "Das Budget für geschriebene Antworten ist für heute aufgebraucht. Bis Mitternacht UTC, "
        "noch {wait}, zitiere ich das Material.",
        "fr": "Le budget du jour pour les réponses rédigées est épuisé. Jusqu'à minuit UTC, encore "
        "{wait}, je cite le contenu.",
        "it": "Il budget di oggi per le risposte scritte è esaurito. Fino a mezzanotte UTC, ancora "
        "{wait}, cito il materiale.",
        "ru": "Сегодняшний бюджет на письменные ответы исчерпан. До полуночи UTC, ещё {wait}, я цитирую материалы.",
        "uk": "Сьогоднішній бюджет на письмові відповіді вичерпано. До півночі UTC, ще {wait}, я цитую матеріали.",
        "hi": "लिखित उत्तरों का आज का बजट ख़त्म हो गया है। UTC आधी रात तक, अभी {wait} और, मैं सामग्री से उद्धरण देता हूँ।",
        "id": "Anggaran hari ini untuk jawaban tertulis sudah habis. Sampai tengah malam UTC, {wait} "
        "lagi, saya mengutip materinya.",
        "tr": "Bugünkü yazılı yanıt bütçesi bitti. UTC gece yarısına kadar, {wait} daha, içerikten alıntı yapıyorum.",
        "zh": "今天用于书面回答的预算已用完。在 UTC 午夜之前（还有 {wait}），我会引用原文。",
        "ja": "本日の文章回答の予算を使い切りました。UTC の午前0時まで（あと {wait}）、"
        "資料からの引用でお答えします。",
        "ko": "오늘의 서술형 답변 예산을 모두 썼습니다. UTC 자정까지 앞으로 {wait} 동안 자료를 인용해 답합니다.",
        "ar": "نفدت ميزانية اليوم للإجابات المكتوبة. حتى منتصف الليل بتوقيت UTC، أي {wait} أخرى، أقتبس من المواد.",
    },
    QUOTING_MONTH: {
        "es": "El presupuesto de este mes para respuestas escritas se ha agotado. Hasta el {day}, "
        "medianoche UTC, cito el material.",
        "pt": "O orçamento deste mês para respostas escritas acabou. Até {day}, meia-noite UTC, cito o material.",
        "de": "Das Budget für geschriebene Antworten ist für diesen Monat aufgebraucht. Bis {day}, "
        "Mitternacht UTC, zitiere ich das Material.",
        "fr": "Le budget du mois pour les réponses rédigées est épuisé. Jusqu'au {day}, minuit UTC, je "
        "cite le contenu.",
        "it": "Il budget di questo mese per le risposte scritte è esaurito. Fino al {day}, mezzanotte "
        "UTC, cito il materiale.",
        "ru": "Бюджет этого месяца на письменные ответы исчерпан. До {day}, полночь UTC, я цитирую материалы.",
        "uk": "Бюджет цього місяця на письмові відповіді вичерпано. До {day}, північ UTC, я цитую матеріали.",
        "hi": "लिखित उत्तरों का इस महीने का बजट ख़त्म हो गया है। {day}, UTC आधी रात तक, मैं सामग्री से उद्धरण देता हूँ।",
        "id": "Anggaran bulan ini untuk jawaban tertulis sudah habis. Sampai {day}, tengah malam UTC, "
        "saya mengutip materinya.",
        "tr": "Bu ayki yazılı yanıt bütçesi bitti. {day}, UTC gece yarısına kadar içerikten alıntı yapıyorum.",
        "zh": "本月用于书面回答的预算已用完。在 {day} UTC 零点之前，我会引用原文。",
        "ja": "今月の文章回答の予算を使い切りました。{day} の UTC 午前0時まで、資料からの引用でお答えします。",
        "ko": "이번 달의 서술형 답변 예산을 모두 썼습니다. {day} UTC 0시까지 자료를 인용해 답합니다.",
        "ar": "نفدت ميزانية هذا الشهر للإجابات المكتوبة. حتى {day}، منتصف الليل بتوقيت UTC، أقتبس من المواد.",
    },
    QUOTING_OWN: {
        "es": "Tu propio presupuesto de hoy para respuestas escritas se ha agotado. Hasta la medianoche "
        "UTC, durante {wait} más, cito el material.",
        "pt": "O seu orçamento de hoje para respostas escritas acabou. Até a meia-noite UTC, por mais "
        "{wait}, cito o material.",
        "de": "Dein eigenes Budget für geschriebene Antworten ist für heute aufgebraucht. Bis "
        "Mitternacht UTC, noch {wait}, zitiere ich das Material.",
        "fr": "Ton propre budget du jour pour les réponses rédigées est épuisé. Jusqu'à minuit UTC, "
        "encore {wait}, je cite le contenu.",
        "it": "Il tuo budget di oggi per le risposte scritte è esaurito. Fino a mezzanotte UTC, ancora "
        "{wait}, cito il materiale.",
        "ru": "Ваш личный бюджет на письменные ответы на сегодня исчерпан. До полуночи UTC, ещё {wait}, "
        "я цитирую материалы.",
        "uk": "Ваш особистий бюджет на письмові відповіді на сьогодні вичерпано. До півночі UTC, ще "
        "{wait}, я цитую матеріали.",
        "hi": "लिखित उत्तरों का आपका आज का बजट ख़त्म हो गया है। UTC आधी रात तक, अभी {wait} और, मैं सामग्री से उद्धरण देता हूँ।",
        "id": "Anggaran Anda sendiri hari ini untuk jawaban tertulis sudah habis. Sampai tengah malam "
        "UTC, {wait} lagi, saya mengutip materinya.",
        "tr": "Bugünkü kendi yazılı yanıt bütçen bitti. UTC gece yarısına kadar, {wait} daha, içerikten "
        "alıntı yapıyorum.",
        "zh": "你今天用于书面回答的预算已用完。在 UTC 午夜之前（还有 {wait}），我会引用原文。",
        "ja": "あなたの本日の文章回答の予算を使い切りました。UTC の午前0時まで（あと {wait}）、"
        "資料からの引用でお答えします。",
        "ko": "오늘 당신에게 주어진 서술형 답변 예산을 모두 썼습니다. UTC 자정까지 앞으로 "
        "{wait} 동안 자료를 인용해 답합니다.",
        "ar": "نفدت ميزانيتك الخاصة اليوم للإجابات المكتوبة. حتى منتصف الليل بتوقيت UTC، أي {wait} أخرى، "
        "أقتبس من المواد.",
    },
    BUSY: {
        "es": "Ahora mismo se escriben muchas respuestas, así que cito el material. Pregunta de nuevo en uno o dos "
        "minutos para una respuesta escrita.",
        "pt": "Muitas respostas estão sendo escritas agora, por isso cito o material. Pergunte de novo em um ou dois "
        "minutos para uma resposta escrita.",
        "de": "Gerade werden viele Antworten geschrieben, deshalb zitiere ich das Material. Frag in ein, zwei "
        "Minuten noch einmal, um eine geschriebene zu bekommen.",
        "fr": "Beaucoup de réponses sont en cours de rédaction, alors je cite le contenu. Redemande dans une ou deux "
        "minutes pour une réponse rédigée.",
        "it": "In questo momento si scrivono molte risposte, quindi cito il materiale. Chiedi di nuovo tra un minuto "
        "o due per una risposta scritta.",
        "ru": "Сейчас пишется много ответов, поэтому я цитирую материалы. Спросите ещё раз через одну-две минуты, "
        "чтобы получить письменный ответ.",
        "uk": "Зараз пишеться багато відповідей, тому я цитую матеріали. Запитайте ще раз за одну-дві хвилини, "
        "щоб отримати письмову відповідь.",
        "hi": "अभी बहुत-से उत्तर लिखे जा रहे हैं, इसलिए मैं सामग्री से उद्धरण देता हूँ। लिखित उत्तर के लिए एक-दो मिनट में फिर पूछें।",
        "id": "Banyak jawaban sedang ditulis saat ini, jadi saya mengutip materinya. Tanyakan lagi dalam satu atau "
        "dua menit untuk jawaban tertulis.",
        "tr": "Şu anda çok sayıda yanıt yazılıyor, bu yüzden içerikten alıntı yapıyorum. Yazılı bir yanıt için bir "
        "iki dakika sonra yeniden sor.",
        "zh": "现在正在撰写许多回答，所以我先引用原文。请过一两分钟再问，以获得书面回答。",
        "ja": "ただいま多くの回答を作成中のため、資料から引用してお答えします。"
        "文章での回答は、1、2分後にもう一度お尋ねください。",
        "ko": "지금 많은 답변을 작성하고 있어서 자료를 인용해 답합니다. "
        "서술형 답변을 원하면 1~2분 뒤에 다시 물어보세요.",
        "ar": "تُكتب الآن إجابات كثيرة، لذلك أقتبس من المواد. "
        "اسأل مرة أخرى بعد دقيقة أو دقيقتين لتحصل على إجابة مكتوبة.",
    },
}


def in_language(notice: str, language: str) -> str:
    """Put what we say to the asker into a language, paragraph by paragraph; what has no translation stays."""
    if language == "en":
        return notice
    return "\n\n".join(_TRANSLATED.get(part, {}).get(language, part) for part in notice.split("\n\n"))


def filled(notice: str, language: str, /, **gaps: str) -> str:
    """One of the sentences with gaps, in a language; what fills a gap is foreign text and stays as it is."""
    return in_language(notice, language).format_map(gaps)
