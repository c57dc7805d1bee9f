package auth

// commonPasswords are the passwords of at least eight characters that lead every
// list of leaked ones, in lower case. Those that repeat a character are found
// without a list.
var commonPasswords = set(
	"12345678", "123456789", "1234567890", "0123456789", "0987654321", "87654321", "987654321", "9876543210", "12341234", "12344321",
	"123123123", "1231231234", "11223344", "1122334455", "112233445566", "10203040",
	"123321123", "123454321", "123456123", "123456654321", "123456abc", "12345678a", "123456789a", "12345678q", "123456789q", "1q2w3e4r",
	"1q2w3e4r5t", "1q2w3e4r5t6y", "1qaz2wsx", "1qaz2wsx3edc", "1qazxsw2", "zaq12wsx", "q1w2e3r4", "q1w2e3r4t5", "qwertyui", "qwertyuiop",
	"qwertyuiop123", "qwerty12", "qwerty123", "qwerty1234", "qwerty12345", "qwerty123456", "123qwerty", "12345qwert", "1234qwer", "qwer1234",
	"asdfghjk", "asdfghjkl", "asdf1234", "1234asdf", "zxcvbnm1", "zxcvbnm123", "zxcvbnm,", "poiuytrewq", "azertyui", "azertyuiop",
	"qazwsxedc", "qazwsx123", "asdasdasd", "asdfasdf", "qweasdzxc", "qweqweqwe", "abcabcabc", "abcdefgh", "abcdefghi",
	"abcd1234", "abcde123", "abc12345", "abc123456", "abc123abc", "a1b2c3d4", "a1b2c3d4e5", "a1234567", "a12345678", "a123456789",
	"aa123456", "aa12345678", "asd123456", "qwe123456", "q1234567", "q12345678", "1a2b3c4d", "password", "password1", "password2",
	"password12", "password123", "password1234", "password12345", "password!", "password1!", "password123!", "passw0rd", "passw0rd1", "passw0rd!",
	"p@ssword", "p@ssw0rd", "p@ssw0rd1", "p@ssword1", "p@$$w0rd", "pa$$word", "pa55word", "passwort", "passwort1", "motdepasse",
	"contraseña", "wachtwoord", "password0", "mypassword", "newpassword", "thepassword", "yourpassword", "passpass", "passphrase", "letmein1",
	"letmein123", "letmeinnow", "welcome1", "welcome12", "welcome123", "welcome1234", "welcome!", "welcome1!", "changeme", "changeme1",
	"changeme123", "changeit", "default1", "default123", "trustno1", "whatever", "whatever1", "whatever123", "nothing1", "something",
	"computer", "computer1", "internet", "internet1", "security", "security1", "secret123", "secretsecret", "topsecret", "access123",
	"administrator", "administrateur", "adminadmin", "admin123", "admin1234", "admin12345", "admin123456", "admin@123", "rootroot", "root1234",
	"test1234", "test12345", "testtest", "testing1", "testing123", "test123456", "tester123", "guest123", "user1234", "username",
	"demo1234", "demodemo", "temp1234", "temppass", "temporary", "master123", "masterkey", "manager1", "system123", "oracle123",
	"iloveyou", "iloveyou1", "iloveyou2", "iloveyou!", "iloveyou123", "iloveu123", "ilovegod", "loveyou1", "lovelove", "loveme123",
	"lovely123", "jesus123", "jesuschrist", "godisgood", "blessed1", "princess", "princess1", "princess123", "superman", "superman1",
	"superstar", "spiderman", "spiderman1", "batman123", "ironman1", "pokemon1", "pokemon123", "starwars", "starwars1", "startrek",
	"football", "football1", "football123", "baseball", "baseball1", "basketball", "softball", "soccer123", "hockey123", "liverpool",
	"liverpool1", "arsenal1", "chelsea1", "chelsea123", "barcelona", "barcelona1", "realmadrid", "juventus", "manchester", "steelers",
	"sunshine", "sunshine1", "sunshine123", "butterfly", "butterfly1", "chocolate", "chocolate1", "cheesecake", "cocacola", "strawberry",
	"blueberry", "rainbow1", "flower123", "snowball", "snowflake", "dolphins", "elephant", "scorpion", "dragon123", "monkey123",
	"tiger123", "panther1", "penguin1", "kitty123", "hellokitty", "mustang1", "corvette", "mercedes", "porsche1", "ferrari1",
	"michael1", "michelle", "michelle1", "jennifer", "jennifer1", "jessica1", "jonathan", "jordan23", "jordan123", "charlie1",
	"charlie123", "alexander", "alexandra", "anthony1", "benjamin", "brandon1", "caroline", "christian", "christina", "christine",
	"christopher", "danielle", "daniel123", "elizabeth", "fernando", "francisco", "gabriel1", "isabella", "jasmine1", "katherine",
	"lawrence", "madison1", "margaret", "marseille", "matthew1", "melissa1", "nicholas", "patricia", "rebecca1", "richard1",
	"samantha", "samantha1", "sebastian", "stephanie", "thomas123", "valentina", "vanessa1", "veronica", "victoria", "victoria1",
	"william1", "babygirl", "babygirl1", "babyblue", "sweetheart", "sweetie1", "beautiful", "beautiful1", "gorgeous", "angel123",
	"freedom1", "friends1", "friendship", "forever1", "happy123", "happiness", "hello123", "hello1234", "hellohello", "helloworld",
	"goodluck", "good123654", "midnight", "midnight1", "morning1", "shadow123", "summer123", "winter123", "spring123", "autumn123",
	"september", "november", "december", "february", "december1", "maryjane", "marlboro", "metallica", "metallica1", "nirvana1",
	"blink182", "slipknot", "slipknot1", "greenday1", "eminem123", "cheyenne", "carolina", "california", "colorado", "australia",
	"newyork1", "london123", "paris123", "america1", "samsung1", "samsung123", "nokia123", "google123", "facebook", "facebook1",
	"linkedin", "myspace1", "minecraft", "minecraft1", "fortnite", "warcraft", "playstation", "nintendo", "counterstrike", "killer123",
	"hunter123", "hunter12", "ranger123", "thunder1", "phoenix1", "maverick", "corporate", "business", "business1", "swordfish",
	"fuckyou1", "fuckyou2", "fuckyou123", "asshole1", "bullshit", "motherfucker", "pussycat", "sexylady", "bigdaddy", "badboy123",
	"correcthorsebatterystaple", "transcribe", "transcription", "turboscribe", "turboscribe1", "turboscribe123", "turboscribepro", "whisper1", "whisper123", "mynoob123",
)

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}
