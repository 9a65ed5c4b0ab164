/// `help [-c]`: usage, and with `-c` the fields of a report. All on standard error, as with
/// dmsetup.
enum HelpCommand {
    static func run(_ invocation: Invocation) throws(Refusal) {
        invocation.console.reportText(Usage.text)
        guard invocation.options.columns else { return }
        FieldHelp.fields(DeviceFields.all, special: SpecialField.all, forSelection: false)
            .forEach { invocation.console.report($0) }
    }
}
