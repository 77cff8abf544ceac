#include "model.h"

#include <cstring>
#include <memory>
#include <vector>

#include "support.h"

namespace nebula::test {

using namespace region;

namespace {

// Bytes that somebody can see at one address. A store keeps its place; a region leaves it for a new one.
struct Place {
  std::vector<uint8_t> bytes;
};
struct View {
  Store store;
  uint64_t offset, length;
  std::shared_ptr<Place> place;
};
struct Piece {
  Id id;
  Kind kind;
  Access access = Access::kReadWrite;
  uint64_t bytes = 0, holders = 1, pins = 0;
  bool locked = false;
  std::shared_ptr<Place> place;
  std::vector<uint8_t> object;  // shared: what lies behind the end of the mapping
};

constexpr size_t kMostPieces = 5;
constexpr size_t kMostViews = 8;

class Player {
 public:
  Player(const uint8_t* bytes, size_t length) : bytes_(bytes), length_(length) {}

  const char* Play(size_t* at) {
    while (next_ < length_ && wrong_ == nullptr) Step();
    if (wrong_ == nullptr) CompareAll();
    const char* wrong = wrong_;
    *at = next_;
    End();
    return wrong != nullptr ? wrong : wrong_;
  }

 private:
  uint8_t Byte() { return next_ < length_ ? bytes_[next_++] : 0; }
  uint64_t Number() { return Byte() | (uint64_t{Byte()} << 8); }
  void Need(bool condition, const char* what) {
    if (!condition && wrong_ == nullptr) wrong_ = what;
  }
  void Answers(const Status& status, Code wanted, const char* what) { Need(status.code == wanted, what); }

  static uint64_t Whole(uint64_t bytes) { return (bytes + Page() - 1) / Page() * Page(); }

  // Where a call fails for the system's own reasons (locked memory, address space) nothing may have changed.
  bool Done(const Status& status, Code wanted, const char* what) {
    if (wanted == Code::kOk && (status.code == Code::kSystem || status.code == Code::kUnsupported)) return false;
    Answers(status, wanted, what);
    return status.ok();
  }

  bool Watched(const Piece& piece) const {
    for (const View& view : views_) {
      if (view.place == piece.place) return true;
    }
    return false;
  }

  // The region goes elsewhere: whoever looks at the old place sees zeros.
  void Leave(Piece* piece) {
    auto fresh = std::make_shared<Place>(*piece->place);
    std::memset(piece->place->bytes.data(), 0, piece->place->bytes.size());
    piece->place = fresh;
  }

  void Forget(size_t index) {
    stale_ = pieces_[index].id;
    pieces_.erase(pieces_.begin() + static_cast<long>(index));
  }

  void Compare(const Piece& piece) {
    Info info{};
    Answers(Describe(piece.id, &info), Code::kOk, "describe answers");
    Need(info.bytes == piece.bytes && info.holders == piece.holders && info.pins == piece.pins, "the counts agree");
    Need(info.access == piece.access && info.kind == piece.kind && info.locked == piece.locked, "the state agrees");
    Need(info.mapped_bytes >= piece.bytes, "the mapping is long enough");
    if (piece.access == Access::kNone) return;
    std::vector<uint8_t> seen(piece.bytes);
    Answers(ReadBytes(piece.id, 0, seen.data(), piece.bytes), Code::kOk, "the whole region is read");
    Need(std::memcmp(seen.data(), piece.place->bytes.data(), piece.bytes) == 0, "the region's bytes agree");
  }

  void CompareAll() {
    for (const Piece& piece : pieces_) Compare(piece);
    for (const View& view : views_) {
      const uint8_t* wanted = view.place->bytes.data() + view.offset;
      Need(view.length == 0 || std::memcmp(view.store.at, wanted, view.length) == 0, "a view's bytes agree");
    }
  }

  void Make() {
    if (pieces_.size() >= kMostPieces) return;
    Piece piece;
    const uint8_t form = Byte();
    piece.kind = form % 4 == 3 ? Kind::kSecret : form % 4 == 2 ? Kind::kShared : Kind::kAnonymous;
    piece.bytes = Number() % (5 * Page()) + 1;
    Answers(MakeRegion(piece.kind, piece.bytes, &piece.id, form % 4 == 1), Code::kOk, "a region is made");
    if (wrong_ != nullptr) return;
    piece.place = std::make_shared<Place>();
    piece.place->bytes.resize(Whole(piece.bytes));
    pieces_.push_back(piece);
  }

  void LetGo(size_t index, uint8_t way) {
    Piece& piece = pieces_[index];
    const bool last = piece.holders == 1;
    if (way % 3 == 2) {  // collected: only objects that nobody pins are
      if (last && piece.pins != 0) return;
      Collected(piece.id, Caller{1, (way & 8) != 0});
      if (last) return Forget(index);
      piece.holders -= 1;
      return;
    }
    const Code wanted = last && piece.pins != 0 ? Code::kInUse : Code::kOk;
    bool claimed = false;
    if (way % 3 == 1) {
      bool claims_last = false;
      Answers(ClaimRelease(piece.id, &claims_last), wanted, "a claim answers");
      if (wanted != Code::kOk || wrong_ != nullptr) return;
      Need(claims_last == last, "the claim knows the last holder");
      claimed = claims_last;
    }
    bool corrupted = false;
    Answers(Release(piece.id, claimed, (way & 16) != 0, Caller{1, (way & 8) != 0}, &corrupted), wanted,
            "a release answers");
    Need(!corrupted, "the canary is intact");
    if (wanted != Code::kOk) return;
    piece.holders -= 1;
    if (!last) return;
    std::memset(piece.place->bytes.data(), 0, piece.place->bytes.size());
    Forget(index);
  }

  void View_(Piece* piece) {
    const uint64_t offset = Number() % (piece->bytes + 2);
    const uint64_t length = Number() % (piece->bytes + 2);
    if (views_.size() >= kMostViews) return;
    View view{{}, offset, length, piece->place};
    Code wanted = RangeInside(offset, length, piece->bytes) ? Code::kOk : Code::kRange;
    if (piece->access != Access::kReadWrite) wanted = Code::kState;
    Answers(MakeStore(piece->id, offset, length, &view.store), wanted, "a store answers");
    if (wanted == Code::kOk) views_.push_back(view);
  }

  // Calls on a span of bytes; `which` picks one.
  void OnSpan(Piece* piece, uint8_t which) {
    const uint64_t offset = Number() % (piece->bytes + Page() / 64);
    const uint64_t length = Number() % (piece->bytes + Page() / 64);
    const uint8_t value = static_cast<uint8_t>(which * 7 + offset + 1);
    const bool inside = RangeInside(offset, length, piece->bytes);
    const Access access = piece->access;
    Code wanted = inside ? Code::kOk : Code::kRange;
    const Code writing = inside && access != Access::kReadWrite ? Code::kState : wanted;
    std::vector<uint8_t> buffer(length, value);  // as long as it must be: a byte more is a heap overflow
    if (length == 0) buffer.reserve(1);
    uint8_t* at = piece->place->bytes.data() + offset;
    switch (which % 8) {
      case 0:
        if (Done(WriteBytes(piece->id, offset, buffer.data(), length), writing, "a write answers") && length != 0) {
          std::memset(at, value, length);
        }
        return;
      case 1:
        if (inside && access == Access::kNone) wanted = Code::kState;
        if (Done(ReadBytes(piece->id, offset, buffer.data(), length), wanted, "a read answers") && length != 0) {
          Need(std::memcmp(buffer.data(), at, length) == 0, "a read's bytes agree");
        }
        return;
      case 2:
        if (Done(Zero(piece->id, offset, length), writing, "zero answers") && length != 0) std::memset(at, 0, length);
        return;
      case 3:
        return Decommit_(piece, offset, length, inside);
      case 4: {
        static constexpr platform::Advice kHarmless[] = {
            platform::Advice::kNormal,   platform::Advice::kRandom, platform::Advice::kSequential,
            platform::Advice::kWillNeed, platform::Advice::kCold,   platform::Advice::kNoDump,
            platform::Advice::kDump,     platform::Advice::kHuge,   platform::Advice::kNoHuge,
            platform::Advice::kPageOut,  platform::Advice::kNoFork, platform::Advice::kFork};
        Done(Advise(piece->id, offset, length, kHarmless[Byte() % 12]), wanted, "advice answers");
        return;
      }
      case 5: {
        const bool locks = (value & 3) != 0;
        const Status status =
            locks ? Lock(piece->id, offset, length, (value & 1) != 0) : Unlock(piece->id, offset, length);
        if (!Done(status, wanted, "a lock answers") || length == 0) return;
        const uint64_t start = offset / Page() * Page();
        if (locks) piece->locked = true;
        if (!locks && Whole(offset + length) - start >= Whole(piece->bytes)) piece->locked = false;
        return;
      }
      case 6: {
        std::vector<uint8_t> cells(Whole(length) / Page() + 1);
        uint64_t pages = 0;
        Done(Residency(piece->id, offset, length, cells.data(), cells.size(), &pages), wanted, "residency answers");
        Need(pages <= cells.size(), "no more pages than fit");
        return;
      }
      default:
        if (length == 0) return;
        Done(Populate(piece->id, offset, length), writing, "populate answers");
    }
  }

  void Decommit_(Piece* piece, uint64_t offset, uint64_t length, bool inside) {
    if (piece->kind == Kind::kSecret) return;  // has its own case
    uint64_t given = 0;
    Code wanted = inside ? Code::kOk : Code::kRange;
    if (inside && piece->locked) wanted = Code::kState;
    if (!Done(Decommit(piece->id, offset, length, &given), wanted, "decommit answers")) return;
    const uint64_t start = Whole(offset);
    const uint64_t end = offset + length == piece->bytes ? Whole(piece->bytes) : (offset + length) / Page() * Page();
    Need(given == (start < end ? end - start : 0), "decommit gives back the whole pages inside");
    if (start < end) std::memset(piece->place->bytes.data() + start, 0, end - start);
  }

  void Protect_(Piece* piece, Access access) {
    Code wanted = piece->pins != 0 ? Code::kInUse : Code::kOk;
    if (access != Access::kReadWrite && piece->holders > 1) wanted = Code::kInUse;
    const bool moves = access != piece->access && access != Access::kReadWrite && Watched(*piece);
    if (!Done(ProtectRegion(piece->id, access, Caller{1, false}), wanted, "protect answers")) return;
    if (moves) Leave(piece);
    piece->access = access;
  }

  void Remap_(Piece* piece) {
    const uint64_t bytes = Number() % (9 * Page());
    Code wanted = bytes == 0 ? Code::kInvalid : Code::kOk;
    if (piece->locked) wanted = Code::kState;
    if (piece->access != Access::kReadWrite) wanted = Code::kState;
    if (piece->kind == Kind::kSecret) wanted = Code::kUnsupported;
    if (piece->pins != 0 || piece->holders > 1) wanted = Code::kInUse;
    const Status status = Remap(piece->id, bytes, Caller{1, true});
    if (wanted == Code::kUnsupported) return Answers(status, wanted, "remap answers");
    if (!Done(status, wanted, "remap answers")) return;
    if (Watched(*piece)) Leave(piece);
    auto& seen = piece->place->bytes;
    const uint64_t old = seen.size();
    const uint64_t now = Whole(bytes);
    if (piece->kind == Kind::kShared) {
      // The object stays as long as it ever was and keeps what lies behind the mapping's end.
      if (piece->object.size() < old) piece->object.resize(old);
      if (piece->object.size() < now) piece->object.resize(now);
      std::memcpy(piece->object.data(), seen.data(), old);
      seen.assign(piece->object.begin(), piece->object.begin() + static_cast<long>(now));
    } else {
      seen.resize(now);
    }
    piece->bytes = bytes;
  }

  void OnPiece(size_t index, uint8_t operation) {
    Piece* piece = &pieces_[index];
    switch (operation) {
      case 0:
        Answers(Attach(piece->id), Code::kOk, "attach answers");
        piece->holders += 1;
        return;
      case 1:
        return LetGo(index, Byte());
      case 2:
        Answers(Pin(piece->id), Code::kOk, "pin answers");
        piece->pins += 1;
        return;
      case 3:
        Answers(Unpin(piece->id), piece->pins == 0 ? Code::kState : Code::kOk, "unpin answers");
        if (piece->pins != 0) piece->pins -= 1;
        return;
      case 4:
        return View_(piece);
      case 5:
        return Protect_(piece, static_cast<Access>(Byte() % 3));
      case 6:
        return Remap_(piece);
      case 7:
        return Compare(*piece);
      default:
        return OnSpan(piece, Byte());
    }
  }

  void Step() {
    const uint8_t operation = Byte() % 16;
    if (operation == 0) return Make();
    if (operation == 1) {
      if (views_.empty()) return;
      const uint8_t which = Byte();
      const size_t index = which % views_.size();
      const Caller user{1, (which & 64) != 0};
      EndStore(views_[index].store, (which & 128) != 0 ? &user : nullptr);
      views_.erase(views_.begin() + static_cast<long>(index));
      return;
    }
    if (operation == 2) {  // through a view, whatever became of its region
      if (views_.empty()) return;
      View& view = views_[Byte() % views_.size()];
      const uint64_t first = Number();
      if (view.length == 0) return;
      view.store.at[first % view.length] = static_cast<uint8_t>(first);
      view.place->bytes[view.offset + first % view.length] = static_cast<uint8_t>(first);
      return;
    }
    if (operation == 3) {
      DrainQuarantine(Caller{1, (Byte() & 1) != 0}, (Byte() & 1) != 0);
      if (stale_.generation != 0) Answers(Attach(stale_), Code::kStale, "a stale id is refused");
      return;
    }
    if (operation == 4) return CompareAll();
    if (!pieces_.empty()) OnPiece(Byte() % pieces_.size(), operation - 5 < 8 ? operation - 5 : 8);
  }

  void End() {
    for (const View& view : views_) EndStore(view.store);
    for (Piece& piece : pieces_) {
      for (; piece.pins != 0; --piece.pins) Unpin(piece.id);
      for (; piece.holders != 0; --piece.holders) Answers(Free(piece.id), Code::kOk, "the rest is released");
    }
    Drain(true);
  }

  const uint8_t* bytes_;
  size_t length_;
  size_t next_ = 0;
  const char* wrong_ = nullptr;
  std::vector<Piece> pieces_;
  std::vector<View> views_;
  Id stale_;
};

}  // namespace

const char* PlayOperations(const uint8_t* bytes, size_t length, size_t* at) {
  const Totals before = Books();
  const char* wrong = Player(bytes, length).Play(at);
  const Totals after = Books();
  const bool same = after.regions == before.regions && after.mapped_bytes == before.mapped_bytes &&
                    after.retired_ranges == before.retired_ranges && after.mappings == before.mappings &&
                    after.quarantined_ranges == 0;
  return wrong == nullptr && !same ? "the books are as before" : wrong;
}

}  // namespace nebula::test
