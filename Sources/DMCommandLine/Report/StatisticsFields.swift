/// The fields of `dmsetup stats`. They can be named, and listed by help, like any other; a device
/// without statistics regions has no rows in a report that asks for one of them.
enum StatisticsFields {
    private typealias Entry = (id: String, heading: String, width: Int, explanation: String)

    static var all: [DeviceFields.Field] {
        counters.map { field($0, .number, .statistics) }
            + histograms.map { field($0, .string, .statistics) }
            + intervals.map { field($0, .number, .statistics) }
            + regions.map { field($0.0, $0.1, .statisticsRegion) }
    }

    private static func field(
        _ entry: Entry, _ kind: DeviceFields.Field.Kind, _ category: ReportCategory
    ) -> DeviceFields.Field {
        DeviceFields.Field(
            id: entry.id, heading: entry.heading, width: entry.width, kind: kind,
            category: category, explanation: entry.explanation
        ) { _ in ReportValue("") }
    }

    private static let counters: [Entry] = [
        ("read_count", "#Reads", 6, "Count of reads completed."),
        ("reads_merged_count", "#RdMrgs", 7, "Count of read requests merged."),
        ("read_sector_count", "#RdSectors", 10, "Count of sectors read."),
        ("read_time", "AccRdTime", 11, "Accumulated duration of all read requests (ns)."),
        ("write_count", "#Writes", 7, "Count of writes completed."),
        ("writes_merged_count", "#WrMrgs", 7, "Count of write requests merged."),
        ("write_sector_count", "#WrSectors", 10, "Count of sectors written."),
        ("write_time", "AccWrTime", 11, "Accumulated duration of all writes (ns)."),
        ("in_progress_count", "#InProg", 7, "Count of requests currently in progress."),
        ("io_ticks", "IoTicks", 7, "Nanoseconds spent servicing requests."),
        ("queue_ticks", "QueueTicks", 10, "Total nanoseconds spent in queue."),
        ("read_ticks", "RdTicks", 7, "Nanoseconds spent servicing reads."),
        ("write_ticks", "WrTicks", 7, "Nanoseconds spent servicing writes."),
        ("reads_merged_per_sec", "RMrg/s", 6, "Read requests merged per second."),
        ("writes_merged_per_sec", "WMrg/s", 6, "Write requests merged per second."),
        ("reads_per_sec", "R/s", 3, "Reads per second."),
        ("writes_per_sec", "W/s", 3, "Writes per second."),
        ("read_size_per_sec", "RSz/s", 5, "Size of data read per second."),
        ("write_size_per_sec", "WSz/s", 5, "Size of data written per second."),
        ("avg_request_size", "AvgRqSz", 7, "Average request size."),
        ("queue_size", "QSize", 5, "Average queue size."),
        ("await", "AWait", 5, "Averate wait time."),
        ("read_await", "RdAWait", 7, "Averate read wait time."),
        ("write_await", "WrAWait", 7, "Averate write wait time."),
        ("throughput", "Throughput", 10, "Throughput."),
        ("service_time", "SvcTm", 5, "Service time."),
        ("util", "Util%", 5, "Utilization."),
    ]

    private static let histograms: [Entry] = [
        ("hist_count", "Histogram Counts", 16, "Latency histogram counts."),
        (
            "hist_count_bounds", "Histogram Counts", 16,
            "Latency histogram counts with bin boundaries."
        ),
        ("hist_count_ranges", "Histogram Counts", 16, "Latency histogram counts with bin ranges."),
        ("hist_percent", "Histogram%", 10, "Relative latency histogram."),
        (
            "hist_percent_bounds", "Histogram%", 10,
            "Relative latency histogram with bin boundaries."
        ),
        ("hist_percent_ranges", "Histogram%", 10, "Relative latency histogram with bin ranges."),
    ]

    private static let intervals: [Entry] = [
        ("interval_ns", "IntervalNs", 10, "Sampling interval in nanoseconds."),
        ("interval", "Interval", 8, "Sampling interval."),
    ]

    private static let regions: [(Entry, DeviceFields.Field.Kind)] = [
        (("region_id", "RgID", 4, "Region ID."), .number),
        (("region_start", "RgStart", 7, "Region start."), .size),
        (("region_len", "RgSize", 6, "Region length."), .size),
        (("area_id", "ArID", 4, "Area ID."), .number),
        (("area_start", "ArStart", 7, "Area offset from start of device."), .size),
        (("area_len", "ArSize", 6, "Area length."), .size),
        (("area_offset", "ArOff", 5, "Area offset from start of region."), .size),
        (("area_count", "#Areas", 6, "Area count."), .number),
        (("group_id", "GrpID", 5, "Group ID."), .number),
        (("program_id", "ProgID", 6, "Program ID."), .string),
        (("user_data", "UserData", 8, "Auxiliary data."), .string),
        (("precise", "Precise", 7, "Set if nanosecond precision counters are enabled."), .string),
        (("hist_bins", "#Bins", 9, "The number of histogram bins configured."), .string),
        (("hist_bounds", "Histogram Bounds", 16, "Latency histogram bin boundaries."), .string),
        (("hist_ranges", "Histogram Ranges", 16, "Latency histogram bin ranges."), .string),
        (("stats_name", "Name", 16, "Stats name of current object."), .string),
        (("obj_type", "ObjType", 7, "Type of stats object being reported."), .string),
    ]
}
