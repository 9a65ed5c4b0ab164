extension String {
    /// With a backslash before each of these, as shells and Markdown quote.
    func backslashed(_ letters: Set<Unicode.Scalar>) -> String {
        var result = String.UnicodeScalarView()
        for letter in unicodeScalars {
            if letters.contains(letter) { result.append("\\") }
            result.append(letter)
        }
        return String(result)
    }
}
