//  The program itself in numbers. The names of the process are those that Prometheus's own clients use.

import API
import Metrics
import Platform

extension GatewayFacts {
    var configFamilies: [MetricFamily] {
        [
            MetricFamily(
                metric("config_generation"),
                .gauge,
                "Counts the configurations that were in force since the start, from 1.",
                .whole(Int64(config.generation))
            ),
            MetricFamily(
                metric("config_last_reload_successful"),
                .gauge,
                "1 when the configuration file as it was last read is in force, 0 when it was refused.",
                .whole(config.lastError == nil ? 1 : 0)
            ),
            MetricFamily(
                metric("config_last_reload_success_timestamp_seconds"),
                .gauge,
                "When a configuration was last read that is in force, in seconds since 1970.",
                .moment(config.loadedAt)
            ),
        ]
    }

    var processFamilies: [MetricFamily] {
        func gauge(_ name: String, _ help: String, _ value: MetricFamily.Value) -> MetricFamily {
            MetricFamily(name, .gauge, help, value)
        }
        return [
            MetricFamily(
                metric("build_info"),
                .gauge,
                "Always 1; the labels say what is running.",
                [
                    .init(
                        [
                            .init("version", build.version), .init("swift", build.swift),
                            .init("sqlite", build.sqlite), .init("curl", build.curl), .init("openssl", build.openssl),
                        ],
                        .whole(1)
                    )
                ]
            ),
            gauge("process_resident_memory_bytes", "Memory in RAM.", .whole(process.residentBytes)),
            gauge("process_virtual_memory_bytes", "Address space.", .whole(process.virtualBytes)),
            MetricFamily(
                "process_cpu_seconds_total",
                .counter,
                "User and system time.",
                .fraction(process.cpuTicks * 1000 / process.ticksPerSecond, of: 1000)
            ),
            gauge("process_open_fds", "Open descriptors.", .whole(process.openFiles)),
            gauge("process_max_fds", "The most descriptors that may be open.", .whole(process.maxOpenFiles)),
            gauge(
                "process_start_time_seconds",
                "When the process began, in seconds since 1970.",
                .fraction(process.startedAtMilliseconds, of: 1000)
            ),
            gauge("process_threads", "Threads.", .whole(process.threads)),
            MetricFamily(
                metric("log_lines_lost_total"),
                .counter,
                "Lines that found no room because nobody took the log.",
                .count(logLinesLost)
            ),
        ]
    }
}
