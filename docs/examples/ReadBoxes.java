/*
 * Keeps the boxes of every user as docs/consumers.md says: Kafka's own client, Apache Avro.
 *
 *     java -cp 'kafka-clients.jar:avro.jar:…' ReadBoxes.java BROKERS TOPIC schemas/BoxRecommendation.avsc
 *
 * Reads the topic to its end and prints what may be shown now, a line a user. With a registry,
 * take Confluent's KafkaAvroDeserializer instead of decode(); everything else stays.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

public class ReadBoxes {
    /** Anything else, also what a newer version sends, is not shown. */
    private static final Set<String> SHOWN = Set.of("OK", "PARTIAL");

    /** The table behind the topic: the highest revision of a user holds. */
    private final Map<String, GenericRecord> latest = new TreeMap<>();
    private final GenericDatumReader<GenericRecord> reader;

    ReadBoxes(Schema schema) {
        reader = new GenericDatumReader<>(schema);
    }

    /** Byte 0, the schema's id in four bytes, then the record. */
    private GenericRecord decode(byte[] value) throws IOException {
        ByteBuffer frame = ByteBuffer.wrap(value);
        if (frame.get() != 0) {
            throw new IOException("no framed record");
        }
        frame.getInt(); // the id: look it up in the registry
        return reader.read(null,
            DecoderFactory.get().binaryDecoder(value, frame.position(), frame.remaining(), null));
    }

    void take(String user, byte[] value) throws IOException {
        if (value == null) { // erased: forget boxes; revisions go on, so keep no number either
            latest.remove(user);
            return;
        }
        GenericRecord record = decode(value);
        GenericRecord held = latest.get(user);
        if (held == null || (Long) record.get("revision") > (Long) held.get("revision")) {
            latest.put(user, record);
        }
    }

    List<GenericRecord> toShow(String user, long nowMs) {
        GenericRecord record = latest.get(user);
        List<GenericRecord> boxes = new ArrayList<>();
        if (record == null || !SHOWN.contains(record.get("status").toString())
                || (Long) record.get("valid_until") <= nowMs) {
            return boxes;
        }
        for (Object box : (List<?>) record.get("boxes")) {
            boxes.add((GenericRecord) box);
        }
        boxes.sort((a, b) -> (Integer) a.get("slot") - (Integer) b.get("slot"));
        return boxes;
    }

    public static void main(String[] arguments) throws IOException {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("isolation.level", "read_committed"); // anything else shows boxes that never were
        settings.put("enable.auto.commit", "false");
        ReadBoxes boxes = new ReadBoxes(new Schema.Parser().parse(new File(arguments[2])));
        try (KafkaConsumer<String, byte[]> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            consumer.partitionsFor(arguments[1])
                .forEach(info -> partitions.add(new TopicPartition(info.topic(), info.partition())));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    boxes.take(record.key(), record.value());
                }
            }
        }
        long nowMs = System.currentTimeMillis();
        for (String user : boxes.latest.keySet()) {
            StringBuilder line = new StringBuilder(user);
            for (GenericRecord box : boxes.toShow(user, nowMs)) {
                line.append(' ').append(box.get("slot")).append(':').append(box.get("total_minor"));
            }
            System.out.println(line.length() == user.length() ? line.append(" -") : line);
        }
    }
}
